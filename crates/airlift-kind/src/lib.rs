//! What a kind of content is, and the one HTTP responder that serves it.
