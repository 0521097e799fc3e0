//! The pedigree as an SVG drawing: from the documents on the left over exchanges and datasets to the run and the model on the right.

use std::fmt::Write as _;

use cultivar_record::Pedigree;

use crate::tree::short;

/// Width and height of a box, and the space between boxes, in SVG's user units.
const WIDTH: usize = 230;
const HEIGHT: usize = 66;
const ACROSS: usize = 60;
const DOWN: usize = 22;
/// Around everything, with the headings above.
const MARGIN: usize = 24;
const HEADING: usize = 34;
/// Characters that fit a line of a box.
const MOST_CHARACTERS: usize = 31;
/// The same of a bold line.
const MOST_BOLD: usize = 24;

/// A box: its column, its row, its lines.
struct Item {
    column: usize,
    row: usize,
    lines: [String; 3],
}

impl Item {
    fn left(&self) -> usize {
        MARGIN + self.column * (WIDTH + ACROSS)
    }

    fn top(&self) -> usize {
        MARGIN + HEADING + self.row * (HEIGHT + DOWN)
    }
}

/// The drawing of a model's pedigree.
pub fn drawing(pedigree: &Pedigree) -> String {
    let (items, arrows) = layout(pedigree);
    let rows = items.iter().map(|item| item.row + 1).max().unwrap_or(1);
    let width = 2 * MARGIN + 5 * WIDTH + 4 * ACROSS;
    let height = 2 * MARGIN + HEADING + rows * (HEIGHT + DOWN);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"13\" role=\"img\">\n<title>Pedigree of {}</title>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
        escaped(&format!("{}@{}", pedigree.model, pedigree.version))
    );
    for (column, heading) in ["terms", "exchanges", "datasets", "run", "model"].iter().enumerate() {
        let left = MARGIN + column * (WIDTH + ACROSS);
        let _ = writeln!(
            svg,
            "<text x=\"{left}\" y=\"{}\" fill=\"#666\">{heading}</text>",
            MARGIN + 12
        );
    }
    for (from, to) in arrows {
        if let (Some(from), Some(to)) = (items.get(from), items.get(to)) {
            arrow(&mut svg, from, to);
        }
    }
    for item in &items {
        draw(&mut svg, item);
    }
    svg + "</svg>\n"
}

/// The boxes, and which lead to which.
fn layout(pedigree: &Pedigree) -> (Vec<Item>, Vec<(usize, usize)>) {
    let mut items: Vec<Item> = Vec::new();
    let mut arrows = Vec::new();
    for (row, terms) in pedigree.terms.iter().enumerate() {
        items.push(Item {
            column: 0,
            row,
            lines: [terms.name.clone(), terms.key.to_string(), short(&terms.digest)],
        });
    }
    let mut row = 0;
    let mut datasets = Vec::new();
    for (place, dataset) in pedigree.datasets.iter().enumerate() {
        let mut sets = Vec::new();
        for set in &dataset.exchange_sets {
            sets.push(items.len());
            let terms = pedigree.terms.iter().position(|terms| terms.digest == set.terms_digest);
            arrows.extend(terms.map(|terms| (terms, items.len())));
            items.push(Item {
                column: 1,
                row,
                lines: [
                    format!("{} exchanges", set.exchanges),
                    set.provider.clone(),
                    short(&set.digest),
                ],
            });
            row += 1;
        }
        arrows.extend(sets.into_iter().map(|set| (set, items.len())));
        datasets.push(items.len());
        items.push(Item {
            column: 2,
            row: place,
            lines: [
                format!("{}@{}", dataset.name, dataset.version),
                format!("ledger entry {}", dataset.leaf),
                short(&dataset.digest),
            ],
        });
    }
    let run = items.len();
    arrows.extend(datasets.into_iter().map(|dataset| (dataset, run)));
    arrows.push((run, run + 1));
    let id = pedigree.run.to_string();
    items.push(Item {
        column: 3,
        row: 0,
        lines: [
            pedigree.code.clone(),
            id.get(..18).unwrap_or(&id).to_owned() + "…",
            format!("ledger entry {}", pedigree.run_leaf),
        ],
    });
    items.push(Item {
        column: 4,
        row: 0,
        lines: [
            format!("{}@{}", pedigree.model, pedigree.version),
            "model.safetensors".to_owned(),
            short(&pedigree.weights),
        ],
    });
    (items, arrows)
}

fn draw(svg: &mut String, item: &Item) {
    let (left, top) = (item.left(), item.top());
    let _ = writeln!(
        svg,
        "<rect x=\"{left}\" y=\"{top}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"8\" fill=\"#f4f7f2\" stroke=\"#4a6b3a\"/>"
    );
    for (number, line) in item.lines.iter().enumerate() {
        let (x, y) = (left + 12, top + 20 + number * 18);
        let (style, most) = if number == 0 {
            (" font-weight=\"600\"", MOST_BOLD)
        } else {
            (" fill=\"#555\"", MOST_CHARACTERS)
        };
        let (whole, shown) = (escaped(line), escaped(&cut(line, most)));
        let _ = writeln!(
            svg,
            "<text x=\"{x}\" y=\"{y}\"{style}><title>{whole}</title>{shown}</text>"
        );
    }
}

fn arrow(svg: &mut String, from: &Item, to: &Item) {
    let (x1, y1) = (from.left() + WIDTH, from.top() + HEIGHT / 2);
    let (x2, y2) = (to.left(), to.top() + HEIGHT / 2);
    let middle = usize::midpoint(x1, x2);
    let _ = writeln!(
        svg,
        "<path d=\"M{x1} {y1} C{middle} {y1} {middle} {y2} {x2} {y2}\" fill=\"none\" stroke=\"#9ab08a\" stroke-width=\"2\"/>"
    );
}

fn cut(line: &str, most: usize) -> String {
    if line.chars().count() <= most {
        return line.to_owned();
    }
    line.chars().take(most - 1).chain(['…']).collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
