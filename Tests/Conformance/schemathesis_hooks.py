# SPDX-License-Identifier: Apache-2.0
"""What Schemathesis does besides (see the program of that name)."""

import schemathesis


@schemathesis.hook
def map_body(context, body):
    """Half of the texts name the default model, for a request of another ends at once."""
    name = body.get("model") if isinstance(body, dict) else None
    if isinstance(name, str) and len(name) % 2 == 0:
        return {**body, "model": "default"}
    return body
