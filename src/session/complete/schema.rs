//! What `opencode import` insists on: its own schema, of 1.3.2, 1.14.41 and 1.18.33 at once.
//!
//! If the releases differ, the strictest counts, so that a copy can go to each. Fields that no release looks at are not listed.

/// What a value must be.
#[derive(Debug)]
pub(super) enum ValueShape {
    Text,
    Flag,
    /// A whole number from 0 on.
    Count,
    Amount,
    Any,
    Id(&'static str),
    OneOf(&'static [&'static str]),
    List(&'static ValueShape),
    Map(&'static ValueShape),
    Object(&'static [Field]),
    Tagged {
        tag: &'static str,
        variants: &'static [Variant],
        /// What stands in `tag` where no variant is named, if such a value can be kept.
        otherwise: Option<&'static str>,
    },
}

/// One kind of object among several.
#[derive(Debug)]
pub(super) struct Variant {
    pub(super) name: &'static str,
    pub(super) fields: &'static [Field],
}

/// A field of an object.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) shape: &'static ValueShape,
    pub(super) need: Need,
}

/// What becomes of an object whose field is missing or of another shape.
#[derive(Debug)]
pub(super) enum Need {
    /// It can do without: a value of another shape is left out.
    Optional,
    /// The field is filled in.
    Filled(With),
    /// The object is none of its kind.
    Required,
    /// It can do without, but not with a value of another shape: leaving that out would lose what the user decided.
    AsIs,
}

/// What a field is filled with.
#[derive(Debug, Clone, Copy)]
pub(super) enum With {
    Json(&'static str),
    /// Nothing; what is there and is no text, as the text of its JSON: somebody said it, and the model read it.
    Said,
    /// When the message was made.
    Created,
    Agent,
    Provider,
    ModelId,
    /// The user message that the assistant answers.
    Parent,
    Directory,
    Session,
    Message,
    Part,
}

const fn variant(name: &'static str, fields: &'static [Field]) -> Variant {
    Variant { name, fields }
}

const fn optional(name: &'static str, shape: &'static ValueShape) -> Field {
    Field { name, shape, need: Need::Optional }
}

const fn required(name: &'static str, shape: &'static ValueShape) -> Field {
    Field { name, shape, need: Need::Required }
}

const fn filled(name: &'static str, shape: &'static ValueShape, with: With) -> Field {
    Field { name, shape, need: Need::Filled(with) }
}

const fn said(name: &'static str) -> Field {
    filled(name, &Text, With::Said)
}

/// A field in whose place an object of the right shape is made.
const fn object(name: &'static str, shape: &'static ValueShape) -> Field {
    json(name, shape, "{}")
}

const fn json(name: &'static str, shape: &'static ValueShape, json: &'static str) -> Field {
    filled(name, shape, With::Json(json))
}

use ValueShape::{Amount, Any, Count, Flag, Id, List, Map, Object, OneOf, Tagged, Text};

/// The session's own record. Its project is the importing machine's.
pub(super) static RECORD: ValueShape = Object(&[
    json("slug", &Text, "\"session\""),
    json("directory", &Text, "\"/\""),
    said("title"),
    json("version", &Text, "\"1.0.0\""),
    object(
        "time",
        &Object(&[
            json("created", &Count, "0"),
            json("updated", &Count, "0"),
            optional("compacting", &Count),
            optional("archived", &Amount),
        ]),
    ),
    optional("workspaceID", &Id("wrk")),
    optional("path", &Text),
    optional("parentID", &Id("ses")),
    optional(
        "summary",
        &Object(&[
            json("additions", &Count, "0"),
            json("deletions", &Count, "0"),
            json("files", &Count, "0"),
            optional("diffs", &DIFFS),
        ]),
    ),
    optional("cost", &Amount),
    optional("tokens", &TOKENS),
    optional("share", &Object(&[required("url", &Text)])),
    optional("agent", &Text),
    optional(
        "model",
        &Object(&[required("id", &Text), required("providerID", &Text), optional("variant", &Text)]),
    ),
    optional("metadata", &Map(&Any)),
    Field {
        name: "permission",
        shape: &List(&Object(&[
            required("permission", &Text),
            required("pattern", &Text),
            required("action", &OneOf(&["allow", "deny", "ask"])),
        ])),
        need: Need::AsIs,
    },
    optional(
        "revert",
        &Object(&[
            required("messageID", &Id("msg")),
            optional("partID", &Id("prt")),
            optional("snapshot", &Text),
            optional("diff", &Text),
        ]),
    ),
]);

static DIFFS: ValueShape = List(&Object(&[
    json("file", &Text, "\"\""),
    // Of 1.14 and later.
    json("patch", &Text, "\"\""),
    // Of 1.3.
    json("before", &Text, "\"\""),
    json("after", &Text, "\"\""),
    json("additions", &Count, "0"),
    json("deletions", &Count, "0"),
    optional("status", &OneOf(&["added", "deleted", "modified"])),
]));

static TOKENS: ValueShape = Object(&[
    optional("total", &Count),
    json("input", &Count, "0"),
    json("output", &Count, "0"),
    json("reasoning", &Count, "0"),
    object("cache", &Object(&[json("read", &Count, "0"), json("write", &Count, "0")])),
]);

/// A message without its parts.
pub(super) static MESSAGE: ValueShape = Tagged {
    tag: "role",
    variants: &[variant("user", &USER), variant("assistant", &ASSISTANT)],
    otherwise: None,
};

static USER: [Field; 8] = [
    filled("agent", &Text, With::Agent),
    object(
        "model",
        &Object(&[
            filled("providerID", &Text, With::Provider),
            filled("modelID", &Text, With::ModelId),
            optional("variant", &Text),
        ]),
    ),
    object("time", &Object(&[filled("created", &Count, With::Created)])),
    optional("variant", &Text),
    optional("system", &Text),
    optional("tools", &Map(&Flag)),
    optional(
        "summary",
        &Object(&[optional("title", &Text), optional("body", &Text), json("diffs", &DIFFS, "[]")]),
    ),
    optional(
        "format",
        &Tagged {
            tag: "type",
            otherwise: None,
            variants: &[
                variant("text", &[]),
                variant("json_schema", &[required("schema", &Map(&Any)), optional("retryCount", &Count)]),
            ],
        },
    ),
];

static ASSISTANT: [Field; 14] = [
    filled("parentID", &Id("msg"), With::Parent),
    filled("modelID", &Text, With::ModelId),
    filled("providerID", &Text, With::Provider),
    filled("mode", &Text, With::Agent),
    filled("agent", &Text, With::Agent),
    object("path", &Object(&[filled("cwd", &Text, With::Directory), filled("root", &Text, With::Directory)])),
    json("cost", &Amount, "0"),
    object("tokens", &TOKENS),
    object("time", &Object(&[filled("created", &Count, With::Created), optional("completed", &Count)])),
    optional("summary", &Flag),
    optional("variant", &Text),
    optional("finish", &Text),
    optional("structured", &Any),
    optional(
        "error",
        &Tagged {
            tag: "name",
            otherwise: Some("UnknownError"),
            variants: &[
                variant("UnknownError", &[object("data", &Object(&[said("message")]))]),
                variant("MessageAbortedError", &[object("data", &Object(&[said("message")]))]),
                variant("MessageOutputLengthError", &[object("data", &Map(&Any))]),
                variant(
                    "ProviderAuthError",
                    &[object("data", &Object(&[json("providerID", &Text, "\"\""), said("message")]))],
                ),
                variant(
                    "StructuredOutputError",
                    &[object("data", &Object(&[said("message"), json("retries", &Count, "0")]))],
                ),
                variant(
                    "ContextOverflowError",
                    &[object("data", &Object(&[said("message"), optional("responseBody", &Text)]))],
                ),
                variant("APIError", &[object("data", &API_ERROR)]),
            ],
        },
    ),
];

static API_ERROR: ValueShape = Object(&[
    said("message"),
    json("isRetryable", &Flag, "false"),
    optional("statusCode", &Count),
    optional("responseHeaders", &Map(&Text)),
    optional("responseBody", &Text),
    optional("metadata", &Map(&Text)),
]);

/// The kind of part that replaces one that import does not know. No model reads it and no interface shows it.
pub(super) const STAND_IN: &str = "snapshot";

/// A part of a message.
pub(super) static PART: ValueShape = Tagged {
    tag: "type",
    otherwise: Some(STAND_IN),
    variants: &[
        variant(
            "text",
            &[
                said("text"),
                optional("synthetic", &Flag),
                optional("ignored", &Flag),
                optional("time", &PERIOD),
                optional("metadata", &Map(&Any)),
            ],
        ),
        variant("reasoning", &[said("text"), object("time", &PERIOD), optional("metadata", &Map(&Any))]),
        variant("file", &FILE),
        variant(
            "tool",
            &[
                filled("callID", &Text, With::Part),
                json("tool", &Text, "\"unknown\""),
                object("state", &STATE),
                optional("metadata", &Map(&Any)),
            ],
        ),
        variant("step-start", &[optional("snapshot", &Text)]),
        variant(
            "step-finish",
            &[
                json("reason", &Text, "\"unknown\""),
                json("cost", &Amount, "0"),
                object("tokens", &TOKENS),
                optional("snapshot", &Text),
            ],
        ),
        variant("snapshot", &[json("snapshot", &Text, "\"\"")]),
        variant("patch", &[json("hash", &Text, "\"\""), json("files", &List(&Text), "[]")]),
        variant("agent", &[filled("name", &Text, With::Agent), optional("source", &SPAN)]),
        variant(
            "subtask",
            &[
                said("prompt"),
                said("description"),
                filled("agent", &Text, With::Agent),
                optional("model", &Object(&[required("providerID", &Text), required("modelID", &Text)])),
                optional("command", &Text),
            ],
        ),
        variant(
            "compaction",
            &[
                json("auto", &Flag, "false"),
                optional("overflow", &Flag),
                optional("tail_start_id", &Id("msg")),
            ],
        ),
        variant(
            "retry",
            &[
                json("attempt", &Count, "1"),
                object(
                    "error",
                    &Tagged {
                        tag: "name",
                        otherwise: Some("APIError"),
                        variants: &[variant("APIError", &[object("data", &API_ERROR)])],
                    },
                ),
                object("time", &Object(&[filled("created", &Count, With::Created)])),
            ],
        ),
    ],
};

static FILE: [Field; 4] = [
    // What a model is told of a file goes by its kind; this one it is not sent.
    json("mime", &Text, "\"text/plain\""),
    required("url", &Text),
    optional("filename", &Text),
    optional("source", &SOURCE),
];

static SOURCE: ValueShape = Tagged {
    tag: "type",
    otherwise: None,
    variants: &[
        variant("file", &[required("text", &SPAN), required("path", &Text)]),
        variant(
            "symbol",
            &[
                required("text", &SPAN),
                required("path", &Text),
                required("name", &Text),
                required("kind", &Count),
                required("range", &Object(&[required("start", &POSITION), required("end", &POSITION)])),
            ],
        ),
        variant(
            "resource",
            &[required("text", &SPAN), required("clientName", &Text), required("uri", &Text)],
        ),
    ],
};

static SPAN: ValueShape =
    Object(&[required("value", &Text), required("start", &Count), required("end", &Count)]);
static POSITION: ValueShape = Object(&[required("line", &Count), required("character", &Count)]);

/// The time of what may go on.
static PERIOD: ValueShape = Object(&[filled("start", &Count, With::Created), optional("end", &Count)]);

static ENDED: ValueShape = Object(&[
    filled("start", &Count, With::Created),
    filled("end", &Count, With::Created),
    optional("compacted", &Count),
]);

/// How far a tool call has come.
pub(super) static STATE: ValueShape = Tagged {
    tag: "status",
    otherwise: Some("error"),
    variants: &[
        variant("pending", &[object("input", &Map(&Any)), json("raw", &Text, "\"\"")]),
        variant(
            "running",
            &[
                object("input", &Map(&Any)),
                optional("title", &Text),
                optional("metadata", &Map(&Any)),
                object("time", &Object(&[filled("start", &Count, With::Created)])),
            ],
        ),
        variant(
            "completed",
            &[
                object("input", &Map(&Any)),
                said("output"),
                said("title"),
                object("metadata", &Map(&Any)),
                object("time", &ENDED),
                optional("attachments", &List(&ATTACHMENT)),
            ],
        ),
        variant(
            "error",
            &[
                object("input", &Map(&Any)),
                json(
                    "error",
                    &Text,
                    "\"The result of this call is in a form that this opencode does not read.\"",
                ),
                optional("metadata", &Map(&Any)),
                object("time", &ENDED),
            ],
        ),
    ],
};

static ATTACHMENT: ValueShape = Object(&[
    filled("id", &Id("prt"), With::Part),
    filled("sessionID", &Id("ses"), With::Session),
    filled("messageID", &Id("msg"), With::Message),
    json("type", &OneOf(&["file"]), "\"file\""),
    json("mime", &Text, "\"text/plain\""),
    required("url", &Text),
    optional("filename", &Text),
    optional("source", &SOURCE),
]);
