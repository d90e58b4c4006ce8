"""What can be done with a library: one file a use case, each `f(library, request, progress) -> result`.

A use case prints nothing; what people should know beside its result is in the result's `warnings`.
"""
