//! Texts that came from elsewhere.

/// Whether a character turns around the direction of what stands beside it, so that a terminal shows another name than the
/// one that is there (Unicode Standard Annex 9, "Directional Formatting Characters").
pub const fn turns(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
