"""How results look: text for a terminal, JSON for programs, Markdown for cards. It knows reports, not use-cases."""
