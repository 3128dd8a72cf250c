"""One verb each: a frozen plan becomes a frozen result. A use-case composes engines; it prints nothing."""
