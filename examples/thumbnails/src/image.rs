//! Images as binary PPM: a header and three bytes a pixel. Enough for an example, and no decoder to
//! compile.

use anyhow::{Context as _, Result, ensure};

/// Pixels, row by row.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Image {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Image {
    /// Reads a binary PPM (`P6`) of eight bits a colour.
    pub(crate) fn from_ppm(bytes: &[u8]) -> Result<Self> {
        let mut at = 0;
        let mut word = || {
            let rest = bytes.get(at..).unwrap_or_default();
            let start = rest.iter().position(|byte| !byte.is_ascii_whitespace())?;
            let length = rest[start..]
                .iter()
                .position(u8::is_ascii_whitespace)
                .unwrap_or(rest.len() - start);
            at += start + length;
            std::str::from_utf8(&rest[start..start + length]).ok()
        };
        ensure!(word() == Some("P6"), "not a binary PPM");
        let mut number = |what| -> Result<usize> {
            let number = word().and_then(|word| word.parse().ok());
            number.with_context(|| format!("a PPM without its {what}"))
        };
        let (width, height) = (number("width")?, number("height")?);
        ensure!(
            number("depth")? == 255,
            "a PPM that has not eight bits a colour"
        );
        ensure!(width > 0 && height > 0, "a PPM without pixels");
        // One whitespace ends the header.
        let pixels = bytes.get(at + 1..).unwrap_or_default();
        let size = width
            .checked_mul(height)
            .and_then(|size| size.checked_mul(3));
        ensure!(size == Some(pixels.len()), "a PPM that lacks pixels");
        Ok(Self {
            width,
            height,
            pixels: pixels.to_vec(),
        })
    }

    /// The image as a binary PPM.
    pub(crate) fn to_ppm(&self) -> Vec<u8> {
        let mut ppm = format!("P6\n{} {}\n255\n", self.width, self.height).into_bytes();
        ppm.extend_from_slice(&self.pixels);
        ppm
    }

    /// The image `width` pixels wide, each the mean of those it stands for; as it is, if it is not
    /// wider. `None` as soon as `stop` says so.
    pub(crate) fn shrunk_to(&self, width: usize, stop: impl Fn() -> bool) -> Option<Self> {
        let width = width.clamp(1, self.width);
        let height = (self.height * width / self.width).max(1);
        let mut pixels = Vec::with_capacity(width * height * 3);
        for row in 0..height {
            if stop() {
                return None;
            }
            let rows = row * self.height / height..(row + 1) * self.height / height;
            for column in 0..width {
                let columns = column * self.width / width..(column + 1) * self.width / width;
                pixels.extend(self.mean(rows.clone(), columns));
            }
        }
        Some(Self {
            width,
            height,
            pixels,
        })
    }

    fn mean(&self, rows: std::ops::Range<usize>, columns: std::ops::Range<usize>) -> [u8; 3] {
        let count = (rows.len() * columns.len()).max(1) as u64;
        let mut sums = [0_u64; 3];
        for row in rows {
            for column in columns.clone() {
                let at = (row * self.width + column) * 3;
                for (sum, colour) in sums.iter_mut().zip(&self.pixels[at..at + 3]) {
                    *sum += u64::from(*colour);
                }
            }
        }
        sums.map(|sum| u8::try_from(sum / count).unwrap_or(u8::MAX))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;

    #[test]
    fn pixels_are_the_mean_of_those_they_stand_for() {
        let image = Image::from_ppm(b"P6 4 2 255\n\x00\x00\x00\x04\x00\x00\x10\x10\x10\x10\x10\x10\x00\x08\x00\x04\x00\x00\x10\x10\x10\x10\x10\x10").unwrap();
        let small = image.shrunk_to(2, || false).unwrap();
        assert_eq!(small.to_ppm(), b"P6\n2 1\n255\n\x02\x02\x00\x10\x10\x10");
        assert_eq!(image.shrunk_to(100, || false).unwrap(), image);
        assert_eq!(image.shrunk_to(2, || true), None);
    }

    #[test]
    fn what_is_no_ppm_is_an_error() {
        for bytes in [
            &b""[..],
            b"P6",
            b"P5 1 1 255\n\x00",
            b"P6 1 1 255\n\x00\x00",
            b"P6 0 1 255\n",
            b"P6 1 1 65535\n\x00\x00\x00",
            b"P6 18446744073709551615 9 255\n",
            b"P6 99999999999999999999 9 255\n",
        ] {
            assert!(Image::from_ppm(bytes).is_err(), "{bytes:?}");
        }
    }
}
