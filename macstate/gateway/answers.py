"""What the gateway answers by itself, whichever server it is made with."""

ERRORS = {
    400: ("invalid_request_error", "the gateway does not understand this request"),
    401: ("invalid_request_error", "a valid key is missing: send it as Authorization: Bearer KEY"),
    403: (
        "invalid_request_error",
        "this request comes from a page of another site, without a key; or Funnel was turned on by hand here",
    ),
    404: ("invalid_request_error", "there is nothing here: the guide of this Mac lists its endpoints"),
    405: ("invalid_request_error", "this method is not passed on to any server"),
    413: ("invalid_request_error", "the request is too large"),
    414: ("invalid_request_error", "the path is too long"),
    431: ("invalid_request_error", "the headers are too large"),
    429: ("rate_limit_error", "too many requests: try again a little later"),
    502: ("api_error", "the model server does not answer: it is starting, or it has stopped"),
    504: ("api_error", "the model server did not answer in time"),
}
"""The gateway's own answers in OpenAI's shape: status -> (type, message); without quotes, as they stand in quotes."""
REFUSALS = {
    "crooked": (
        404,
        "this path can be read in two ways: send it without dot segments, doubled slashes or backslashes, and without "
        "an encoded character in the mount",
    ),
    "closed": (
        403,
        "this path is closed, like everything that is not needed to use the model; the owner of this Mac can open it "
        "in the YAML, in the field open of the endpoint: open: [/x]",
    ),
}
"""Answers with a message of their own: name -> (status, message); without quotes, too."""
