//! Numbers in tar headers: octal text, binary where that is too short, and decimal text in PAX records.
//!
//! Called by the other parsers of tar. What is malformed is so to Go's `archive/tar` too.

use super::super::error::Refusal;

const MALFORMED: Refusal = Refusal::Header("a number is malformed");

/// A field of a header block: octal between blanks and zero bytes, or "base-256" (the first bit set, the second the sign).
pub(super) fn field(bytes: &[u8]) -> Result<i64, Refusal> {
    match bytes.first() {
        Some(first) if first & 0x80 != 0 => binary(bytes, *first),
        _ => octal(bytes),
    }
}

fn binary(bytes: &[u8], first: u8) -> Result<i64, Refusal> {
    let invert = if first & 0x40 != 0 { 0xff } else { 0 };
    let value = bytes.iter().enumerate().try_fold(0_u64, |value, (at, byte)| {
        let byte = (byte ^ invert) & if at == 0 { 0x7f } else { 0xff };
        (value >> 56 == 0).then_some(value << 8 | u64::from(byte))
    });
    let value = value.and_then(|value| i64::try_from(value).ok()).ok_or(MALFORMED)?;
    Ok(if invert == 0 { value } else { !value })
}

fn octal(bytes: &[u8]) -> Result<i64, Refusal> {
    let blank = |byte: &u8| matches!(byte, b' ' | 0);
    let start = bytes.iter().position(|byte| !blank(byte)).unwrap_or(bytes.len());
    let text = &bytes[start..];
    let text = &text[..text.iter().rposition(|byte| !blank(byte)).map_or(0, |last| last + 1)];
    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
    text.iter()
        .try_fold(0_i64, |value, digit| match digit {
            b'0'..=b'7' => value.checked_mul(8)?.checked_add(i64::from(digit - b'0')),
            _ => None,
        })
        .ok_or(MALFORMED)
}

/// A decimal number with an optional sign.
pub(super) fn decimal(text: &[u8]) -> Result<i64, Refusal> {
    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or(MALFORMED)
}

/// A PAX time: decimal seconds, with a fraction of any length, of which nine digits count.
pub(super) fn time(text: &[u8]) -> Result<(i64, u32), Refusal> {
    let (seconds, fraction) = match text.iter().position(|byte| *byte == b'.') {
        Some(point) => (&text[..point], &text[point + 1..]),
        None => (text, &[][..]),
    };
    let digits = fraction.iter().all(u8::is_ascii_digit);
    let whole = decimal(seconds)?;
    if !digits {
        return Err(MALFORMED);
    }
    let nanos = (0..9).fold(0, |nanos, at| nanos * 10 + u32::from(fraction.get(at).map_or(0, |digit| digit - b'0')));
    match (seconds.first(), nanos) {
        // The fraction counts away from zero, the nanoseconds of a Unix time always upwards.
        (Some(b'-'), 1..) => Ok((whole.checked_sub(1).ok_or(MALFORMED)?, 1_000_000_000 - nanos)),
        _ => Ok((whole, nanos)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octal_fields() {
        for (bytes, value) in [
            (&b"0000644\0"[..], 0o644),
            (b"   644 \0", 0o644),
            (b"644\0junk", 0o644),
            (b"\0\0\0\0\0\0\0\0", 0),
            (b"        ", 0),
            (b"777777777777", 0o777_777_777_777),
        ] {
            assert_eq!(field(bytes), Ok(value), "{bytes:?}");
        }
        for bytes in [&b"8"[..], b"6 4", b"-1", b"0x10", b"7777777777777777777777777"] {
            assert_eq!(field(bytes), Err(MALFORMED), "{bytes:?}");
        }
    }

    #[test]
    fn binary_fields_of_both_signs() {
        assert_eq!(field(&[0x80, 0, 0, 0, 0, 0, 1, 0]), Ok(256));
        assert_eq!(field(&[0xff; 12]), Ok(-1));
        assert_eq!(field(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0]), Ok(-256));
        assert_eq!(field(&[0x80, 0, 0, 0, 0x7f, 255, 255, 255, 255, 255, 255, 255]), Ok(i64::MAX));
        assert_eq!(field(&[0x80, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0]), Err(MALFORMED));
        assert_eq!(field(&[0xbf, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255]), Err(MALFORMED));
    }

    #[test]
    fn times_with_fractions() {
        for (text, value) in [
            ("1350244992.023960108", (1_350_244_992, 23_960_108)),
            ("1350244992.02396", (1_350_244_992, 23_960_000)),
            ("1350244992.0239601081234", (1_350_244_992, 23_960_108)),
            ("1.", (1, 0)),
            ("-1.5", (-2, 500_000_000)),
            ("-0.5", (-1, 500_000_000)),
            ("-7", (-7, 0)),
        ] {
            assert_eq!(time(text.as_bytes()), Ok(value), "{text}");
        }
        for text in ["", ".5", "1.-5", "1.5e3", "x", "1..2"] {
            assert_eq!(time(text.as_bytes()), Err(MALFORMED), "{text}");
        }
    }
}
