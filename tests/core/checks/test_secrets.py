"""What a secret looks like, and what only looks like one. Each is joined here, so that no file of ours holds it."""

import pytest

from mlxkit.core.checks.secrets import look

MIXED = "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zAbCdEfGhIjKlMnOpQrStUvWxYz0123456789aBcDeFgHiJkLmNoPqRsTuVwXyZ"
HEX = "0123456789abcdef" * 4

FOUND = [
    ("secrets.hf_token", "h" + "f_" + MIXED[:34]),
    ("secrets.hf_token", 'token="h' + "f_" + MIXED[:37] + '"'),
    ("secrets.hf_token", "api" + "_org_" + MIXED[:34]),
    ("secrets.aws_key", "AK" + "IA7Q2MZ5RWD8KX4TNB"),
    ("secrets.aws_key", "AS" + "IA7Q2MZ5RWD8KX4TNB"),
    ("secrets.aws_key", "aws_secret" + "_access_key: " + MIXED[:38] + "/+"),
    ("secrets.aws_key", "AWS_SECRET" + '_ACCESS_KEY="' + MIXED[:40] + '"'),
    ("secrets.github_token", "gh" + "p_" + MIXED[:36]),
    ("secrets.github_token", "gh" + "s_" + MIXED[:36]),
    ("secrets.github_token", "github" + "_pat_" + MIXED[:22] + "_" + MIXED[:59]),
    ("secrets.api_key", "s" + "k-" + MIXED[:48]),
    ("secrets.api_key", "s" + "k-proj-" + MIXED[:40] + "-_" + MIXED[:20]),
    ("secrets.api_key", "s" + "k-ant-api03-" + MIXED[:80] + "-AA"),
    ("secrets.api_key", "s" + "k-or-v1-" + HEX),
    ("secrets.api_key", "AI" + "za" + MIXED[:35]),
    ("secrets.api_key", "gs" + "k_" + MIXED[:52]),
    ("secrets.api_key", "xo" + "xb-123456789012-" + MIXED[:24]),
    ("secrets.private_key", "-----BEGIN RSA PRIV" + "ATE KEY-----\nMIIEpAIBAAKCAQEAx1y2z3"),
    ("secrets.private_key", '"-----BEGIN PRIV' + 'ATE KEY-----\\nMIIEpAIBAAKCAQEAx1y2z3"'),
    ("secrets.private_key", "-----BEGIN PGP PRIV" + "ATE KEY BLOCK-----\n\nlQOYBGNabcdEFGHIJKLMNOP"),
    ("secrets.home_path", "/Us" + "ers/ada/models/x"),
    ("secrets.home_path", '"path": "/ho' + 'me/ada"'),
    ("secrets.home_path", "file:///ho" + "me/ada/x"),
    ("secrets.home_path", "C:\\Us" + "ers\\ada\\x"),
    ("secrets.home_path", '"C:\\\\Us' + 'ers\\\\ada\\\\x"'),
]

NOT_FOUND = [
    "from huggingface_hub import hf_hub_download, hf_raise_for_status",
    "hf_transfer hf_xet HF_TOKEN=hf_...",
    "h" + "f_" + "x" * 34,
    "h" + "f_" + MIXED[:20],
    "h" + "f_" + MIXED[:60],
    "some_h" + "f_" + MIXED[:34],
    "AK" + "IAIOSFODNN7EXAMPLE",  # from the manual of AWS
    "AKIAlowercaseletters",
    "aws_secret_access_key = <your key>",
    "gh" + "p_short",
    "sk-learn-contrib/imbalanced-learn-with-a-very-long-name-indeed-and-more",
    "sk-1234",
    "task-" + MIXED[:48],
    "-----BEGIN PUBLIC KEY-----\nMIIEpAIBAAKCAQEAx1y2z3",
    "A private key begins with -----BEGIN PRIV" + "ATE KEY----- and ends.",
    "https://example.com/home/page/of/mine",
    "https://example.com/Users/ada/x",
    "cd /home/user/models, or /Users/you/models, or /home/$USER/x",
    "~/models and /usr/home and ./home/ada/x",
    "a digest " + HEX,
    "model.layers.0.self_attn.q_proj.weight",
]


@pytest.mark.parametrize(("code", "text"), FOUND)
def test_a_secret_is_found_and_not_repeated(code, text):
    (finding,) = look("notes.md", f"words\n{text}\nwords")
    assert finding.code == code
    assert finding.where == "notes.md:2"
    longest = max(text.replace('"', " ").replace("=", " ").split(), key=len)
    assert longest not in finding.said
    assert "ada" not in finding.said


@pytest.mark.parametrize("text", NOT_FOUND)
def test_what_only_looks_like_one_is_left_alone(text):
    assert [(one.code, one.said) for one in look("notes.md", text)] == []


def test_several_of_a_kind_are_told_once_with_their_number():
    text = "\n".join("h" + "f_" + MIXED[start : start + 34] for start in range(3))
    (finding,) = look("notes.md", text)
    assert finding.said == "There is a token of the Hugging Face Hub, hf_a…, and 2 more."


def test_a_vocabulary_is_no_secret(source):
    text = (source / "tokenizer.json").read_text(encoding="utf-8")
    assert list(look("tokenizer.json", text)) == []
