"""Secrets and private paths in text, told without repeating them: their kind, and their first four characters."""

import re
from collections.abc import Iterator

from mlxkit.core.codes import found
from mlxkit.core.findings import Finding

_SHOWN = 4
_LEAST_VARIED = 8  # different characters; a placeholder such as xxxx has fewer
_START, _END = r"(?<![A-Za-z0-9_-])", r"(?![A-Za-z0-9_])"

_TOKENS: tuple[tuple[str, str, str], ...] = (
    ("secrets.hf_token", "a token of the Hugging Face Hub", r"(?:hf|api_org)_[A-Za-z0-9]{34,40}"),
    ("secrets.aws_key", "the name of an AWS access key", r"(?:AKIA|ASIA)[A-Z0-9]{16}"),
    (
        "secrets.github_token",
        "a token of GitHub",
        r"gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}",
    ),
    ("secrets.api_key", "a key of Anthropic", r"sk-ant-[a-z0-9]+-[A-Za-z0-9_-]{40,}"),
    ("secrets.api_key", "a key of OpenAI", r"sk-(?:proj|svcacct|admin|None)-[A-Za-z0-9_-]{40,}|sk-[A-Za-z0-9]{48}"),
    ("secrets.api_key", "a key of OpenRouter", r"sk-or-v1-[0-9a-f]{64}"),
    ("secrets.api_key", "a key of Google", r"AIza[A-Za-z0-9_-]{35}"),
    ("secrets.api_key", "a key of Groq", r"gsk_[A-Za-z0-9]{52}"),
    ("secrets.api_key", "a token of Slack", r"xox[abprs]-[0-9]{8,}-[A-Za-z0-9-]{16,}"),
)
_PATTERNS = tuple((code, said, re.compile(f"{_START}(?:{form}){_END}")) for code, said, form in _TOKENS)

_AWS_SECRET = re.compile(
    r"""aws_?secret_?(?:access_?)?key["']?\s*[=:]\s*["']?(?P<secret>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+])""",
    re.IGNORECASE,
)
# The line, and enough after it that it is a key and not a text about keys.
_PRIVATE_KEY = re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----(?:\\n|\s)+[A-Za-z0-9+/=:,. -]{16}")
_HOME = re.compile(
    r"(?<![\w.~/-])(?:file://)?(?:/(?:Users|home)/|[A-Za-z]:(?:\\{1,2}|/)Users(?:\\{1,2}|/))"
    r"(?P<login>[A-Za-z0-9_][\w.-]*)(?=[/\\\"'`\s,;:)\]}>]|$)"
)
_NOBODY = frozenset(
    {
        "me", "name", "public", "shared", "user", "username", "user_name", "user-name", "you", "your", "yourname",
        "your_name", "your-name", "example", "xxx",
    }
)  # fmt: skip
"""What examples call a login name."""


def look(file: str, text: str) -> Iterator[Finding]:
    """Yield what of a text must not be published, once for each kind, at its first line.

    Args:
        file: where the text is from, relative to the checkpoint's folder.
        text: all of it.
    """
    for code, kind, secrets in _kinds(text):
        if secrets:
            start, secret = secrets[0]
            more = f", and {len(secrets) - 1} more" if len(secrets) > 1 else ""
            where = f"{file}:{text.count(chr(10), 0, start) + 1}"
            yield found(code, where, f"There is {kind}, {secret[:_SHOWN]}…{more}.")
    homes = [match for match in _HOME.finditer(text) if match["login"].lower() not in _NOBODY]
    if homes:
        where = f"{file}:{text.count(chr(10), 0, homes[0].start()) + 1}"
        count = f"{len(homes)} paths in" if len(homes) > 1 else "a path in"
        yield found("secrets.home_path", where, f"There {'are' if len(homes) > 1 else 'is'} {count} a home folder.")


def _kinds(text: str) -> Iterator[tuple[str, str, list[tuple[int, str]]]]:
    """Yield code, kind, and where each secret of the kind begins."""
    for code, kind, pattern in _PATTERNS:
        yield code, kind, [(one.start(), one[0]) for one in pattern.finditer(text) if _is_real(one[0])]
    secrets = [(one.start(), one["secret"]) for one in _AWS_SECRET.finditer(text) if _is_real(one["secret"])]
    yield "secrets.aws_key", "an AWS secret key", secrets
    # Of a key's block the first line is no secret, and the only part that is shown.
    yield "secrets.private_key", "a private key", [(one.start(), one[0]) for one in _PRIVATE_KEY.finditer(text)]


def _is_real(secret: str) -> bool:
    """Say whether it is more than a placeholder."""
    return len(set(secret)) >= _LEAST_VARIED and "EXAMPLE" not in secret.upper()
