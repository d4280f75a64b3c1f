//! Reads the text as a reader would.

use super::{TextStyle, render};
use crate::render::sample::sample;

#[test]
fn look() {
    let review = sample();
    println!("{}", render(&review, &TextStyle::default()));
    println!(
        "{}",
        render(
            &review,
            &TextStyle {
                width: 60,
                is_coloured: true
            }
        )
    );
    println!("{}", crate::render::markdown::render(&review));
}
