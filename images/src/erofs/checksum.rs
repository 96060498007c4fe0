//! CRC-32C (Castagnoli) as the EROFS superblock uses it: seeded with all ones, not inverted at the end.
//!
//! Called by the writer and the reader, once an image, over 3 KiB: so bit by bit, without a table.

/// Checksum of `bytes`, as Linux's `crc32c(~0, bytes, len)` gives it.
pub(super) fn crc32c(bytes: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0x82f6_3b78;
    bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (POLYNOMIAL & (crc & 1).wrapping_neg()))
    })
}

#[cfg(test)]
mod tests {
    use super::crc32c;

    #[test]
    fn the_standard_check_value_comes_out_uninverted() {
        assert_eq!(!crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(b""), u32::MAX);
    }
}
