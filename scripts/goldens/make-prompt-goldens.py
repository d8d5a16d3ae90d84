#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the goldens of whole prompts with the default model's own template and vocabulary.

usage: make-prompt-goldens.py MODEL.gguf GOLDENS

Writes default-prompts.json into GOLDENS (Tests/ConversationTests/Goldens): the conversations of
template-conversations.json that are text only, as token ids by transformers' apply_chat_template,
which reads control tokens wherever they are; conversations that contain some are left out, as are
developers, whom we make the system of templates that do not know them.
Needs transformers, torch and gguf.
"""
import json
import pathlib
import sys

from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence
from transformers import AutoTokenizer

model, goldens = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
tokenizer = AutoTokenizer.from_pretrained(str(model.parent), gguf_file=model.name)
# The conversion from GGUF loses that SmolLM's published tokenizer keeps digits apart.
tokenizer.backend_tokenizer.pre_tokenizer = Sequence(
    [Digits(individual_digits=True), ByteLevel(add_prefix_space=False)]
)
conversations = json.loads((goldens / "template-conversations.json").read_text())["conversations"]
prompts = []
for item in conversations:
    messages = item["context"]["messages"]
    if not messages or any(type(m["content"]) is not str or set(m) - {"role", "content"} for m in messages):
        continue
    if "control tokens" in item["name"] or item["name"] == "developer":
        continue
    for generate in (True, False):
        ids = tokenizer.apply_chat_template(messages, add_generation_prompt=generate)["input_ids"]
        prompts.append({"messages": messages, "generate": generate, "ids": ids})
    if messages[-1]["role"] == "assistant":
        ids = tokenizer.apply_chat_template(messages, continue_final_message=True)["input_ids"]
        prompts.append({"messages": messages, "continue": True, "ids": ids})
golden = {"template": tokenizer.chat_template, "prompts": prompts}
text = json.dumps(golden, ensure_ascii=False, separators=(",", ":"))
(goldens / "default-prompts.json").write_text(text.replace('{"messages"', '\n{"messages"') + "\n")
print(len(prompts), "prompts")
