"""Writes a tiny language model in the GGUF form: a llama of two layers with random weights and a fixed seed, so that the
same file comes out every time. It knows nothing, but a real model server loads it, and what that server says is a real
answer: tokens, counts, stop reasons and vectors. Usage: make_gguf.py FILE
"""

import sys

import gguf
import numpy as np

SEED = 20261121
LAYERS = 2
WIDTH = 64
FEED_FORWARD = 128
HEADS = 4
CONTEXT = 65536
EPSILON = 1e-5

UNKNOWN, BEGIN, END = 0, 1, 2
SPACE = "\u2581"
WORDS = (
    "the river runs over a low wall and its water is measured there every day while small boats wait for rain"
    " to lift them from stones into the open sea"
).split()

# ChatML. Its marks are plain text to this vocabulary, which has no use for them.
CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def vocabulary():
    """Tokens with their scores and types: three specials, every byte, printable ASCII and some words."""
    tokens = [("<unk>", 0.0, gguf.TokenType.UNKNOWN)]
    tokens += [(name, 0.0, gguf.TokenType.CONTROL) for name in ("<s>", "</s>")]
    tokens += [(f"<0x{byte:02X}>", 0.0, gguf.TokenType.BYTE) for byte in range(256)]
    # The tokenizer joins two neighbours when their join is a token: a word needs each of its beginnings as one.
    texts = ["\n", SPACE] + [chr(code) for code in range(0x21, 0x7F)]
    for word in WORDS:
        texts += [SPACE + word[:end] for end in range(1, len(word) + 1)]
    for rank, text in enumerate(dict.fromkeys(texts)):
        tokens.append((text, -float(rank), gguf.TokenType.NORMAL))
    return tokens


def write_model(path):
    tokens = vocabulary()
    random = np.random.default_rng(SEED)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("weir-tiny")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(EPSILON)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_vocab_size(len(tokens))
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([text for text, _, _ in tokens])
    writer.add_token_scores([score for _, score, _ in tokens])
    writer.add_token_types([kind for _, _, kind in tokens])
    writer.add_bos_token_id(BEGIN)
    writer.add_eos_token_id(END)
    writer.add_unk_token_id(UNKNOWN)
    writer.add_add_bos_token(True)
    writer.add_add_space_prefix(True)
    writer.add_chat_template(CHAT_TEMPLATE)
    for name, tensor in tensors(len(tokens), random):
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def tensors(vocabulary_size, random):
    def matrix(rows, columns):
        return (random.standard_normal((rows, columns)) / np.sqrt(columns)).astype(np.float32)

    ones = np.ones(WIDTH, dtype=np.float32)
    yield "token_embd.weight", random.standard_normal((vocabulary_size, WIDTH)).astype(np.float32)
    yield "output_norm.weight", ones
    output = random.standard_normal((vocabulary_size, WIDTH)).astype(np.float32)
    # Specials and bytes are never the likeliest: the answer is readable text and goes on until its limit.
    output[: 3 + 256] = 0
    yield "output.weight", output
    for layer in range(LAYERS):
        prefix = f"blk.{layer}."
        yield prefix + "attn_norm.weight", ones
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            yield f"{prefix}{name}.weight", matrix(WIDTH, WIDTH)
        yield prefix + "ffn_norm.weight", ones
        yield prefix + "ffn_gate.weight", matrix(FEED_FORWARD, WIDTH)
        yield prefix + "ffn_up.weight", matrix(FEED_FORWARD, WIDTH)
        yield prefix + "ffn_down.weight", matrix(WIDTH, FEED_FORWARD)


if __name__ == "__main__":
    write_model(sys.argv[1])
