//! Medians, and tables of them.

/// The middle one; of an even number the upper of the two.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// `median [least–most]`.
pub fn spread(values: &[f64], digits: usize) -> String {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let middle = median(values.to_vec());
    format!("{middle:.digits$} [{least:.digits$}–{most:.digits$}]")
}

/// A Markdown table, printed row by row as the figures come in.
pub struct Table;

impl Table {
    pub fn begin(title: &str, columns: &[&str]) {
        println!("\n### {title}\n");
        println!("| {} |", columns.join(" | "));
        println!("|{}", "---|".repeat(columns.len()));
    }

    pub fn row(cells: &[String]) {
        println!("| {} |", cells.join(" | "));
    }
}
