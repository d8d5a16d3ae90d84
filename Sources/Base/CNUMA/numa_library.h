// SPDX-License-Identifier: Apache-2.0
#include <numa.h>
#include <numaif.h>
