// SPDX-License-Identifier: Apache-2.0
// Scores token ids with llama.cpp and writes the logits of every position: f32, [ids, vocabulary].
// usage: llama-logits MODEL.gguf IDS LOGITS THREADS      IDS: int32, little-endian
#include <stdio.h>
#include <stdlib.h>

#include "llama.h"

static void quiet(enum ggml_log_level level, const char *text, void *context) {
    (void)context;
    if (level == GGML_LOG_LEVEL_ERROR) fputs(text, stderr);
}

static int failed(const char *what) {
    fprintf(stderr, "llama-logits: cannot %s\n", what);
    return 1;
}

int main(int count, char **arguments) {
    enum { CAPACITY = 65536 };
    static llama_token ids[CAPACITY];
    if (count != 5) return failed("run: usage: llama-logits MODEL.gguf IDS LOGITS THREADS");
    FILE *input = fopen(arguments[2], "rb");
    if (!input) return failed("open the ids");
    int length = (int)fread(ids, sizeof ids[0], CAPACITY, input);
    fclose(input);

    llama_log_set(quiet, NULL);
    struct llama_model *model =
        llama_model_load_from_file(arguments[1], llama_model_default_params());
    if (!model) return failed("load the model");
    struct llama_context_params parameters = llama_context_default_params();
    parameters.n_ctx = parameters.n_batch = (uint32_t)length;
    parameters.n_threads = parameters.n_threads_batch = atoi(arguments[4]);
    struct llama_context *context = llama_init_from_model(model, parameters);
    if (!context) return failed("make a context");

    struct llama_batch batch = llama_batch_init(length, 0, 1);
    batch.n_tokens = length;
    for (int i = 0; i < length; i++) {
        batch.token[i] = ids[i];
        batch.pos[i] = i;
        batch.n_seq_id[i] = 1;
        batch.seq_id[i][0] = 0;
        batch.logits[i] = 1;
    }
    if (llama_decode(context, batch)) return failed("score the ids");

    size_t vocabulary = (size_t)llama_vocab_n_tokens(llama_model_get_vocab(model));
    FILE *output = fopen(arguments[3], "wb");
    if (!output) return failed("write the logits");
    for (int i = 0; i < length; i++)
        if (fwrite(llama_get_logits_ith(context, i), sizeof(float), vocabulary, output)
            != vocabulary)
            return failed("write the logits");
    return fclose(output) ? failed("write the logits") : 0;
}
