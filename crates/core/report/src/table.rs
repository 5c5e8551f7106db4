//! Columns of text, aligned as Go's `text/tabwriter` aligns them with two spaces of padding.
//!
//! The last cell of a row is neither padded nor counted, so a row whose last cell is empty ends in the padding of the
//! cell before it: that is what the tools print whose screens people compare with ours.

use crate::paint::visible_width;

const PADDING: usize = 2;

/// Rows of cells to lines of text, each ending in a newline. Widths count characters, not colour codes.
#[must_use]
pub fn align(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(|row| row.len().saturating_sub(1)).max().unwrap_or_default();
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            let padded = rows.iter().filter(|row| column + 1 < row.len());
            padded.map(|row| visible_width(&row[column])).max().unwrap_or_default() + PADDING
        })
        .collect();
    let mut text = String::new();
    for row in rows {
        for (column, cell) in row.iter().enumerate() {
            text.push_str(cell);
            if column + 1 < row.len() {
                text.extend(std::iter::repeat_n(' ', widths[column] - visible_width(cell)));
            }
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_cell_is_not_padded_but_the_one_before_it_is() {
        let rows = [["NAME", "AGE", "INFO"], ["a-long-name", "5s", ""], ["b", "10m", "x"]];
        let rows: Vec<Vec<String>> =
            rows.iter().map(|row| row.iter().map(ToString::to_string).collect()).collect();
        assert_eq!(align(&rows), "NAME         AGE  INFO\na-long-name  5s   \nb            10m  x\n");
    }
}
