//! The square map on which customers live and terminals stand, and which terminals are near a place.

use rand::{Rng, RngExt};

/// Side of the map.
pub(super) const SIDE: f64 = 100.0;

/// A point of the map, each coordinate in `0..SIDE`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Place {
    pub(super) x: f64,
    pub(super) y: f64,
}

impl Place {
    /// A place drawn uniformly.
    pub(super) fn draw<R: Rng>(rng: &mut R) -> Self {
        let x = rng.random::<f64>() * SIDE;
        let y = rng.random::<f64>() * SIDE;
        Self { x, y }
    }

    /// Straight-line distance.
    pub(super) fn distance(self, other: Self) -> f64 {
        let (dx, dy) = (self.x - other.x, self.y - other.y);
        (dx * dx + dy * dy).sqrt()
    }
}

/// Places sorted into square cells, so that those near a point are found without asking all.
#[derive(Debug)]
pub(super) struct Grid {
    radius: f64,
    cells_per_side: usize,
    /// Row by row; each cell lists its places with their indexes.
    cells: Vec<Vec<(u32, Place)>>,
}

impl Grid {
    /// Sorts `places`, to be asked for those within `radius`, which must be positive.
    pub(super) fn new(places: impl Iterator<Item = Place>, radius: f64) -> Self {
        // About one cell per radius; the cap only saves memory when the radius is tiny.
        let cells_per_side = ((SIDE / radius) as usize).clamp(1, MAX_CELLS_PER_SIDE);
        let mut grid =
            Self { radius, cells_per_side, cells: vec![Vec::new(); cells_per_side.pow(2)] };
        for (index, place) in (0u32..).zip(places) {
            let cell = grid.cell(place.y) * cells_per_side + grid.cell(place.x);
            grid.cells[cell].push((index, place));
        }
        grid
    }

    /// Indexes of the places nearer to `centre` than the radius, ascending.
    pub(super) fn near(&self, centre: Place) -> Vec<u32> {
        let columns = self.cell(centre.x - self.radius)..=self.cell(centre.x + self.radius);
        let rows = self.cell(centre.y - self.radius)..=self.cell(centre.y + self.radius);
        let mut near = Vec::new();
        for row in rows {
            for column in columns.clone() {
                let cell = &self.cells[row * self.cells_per_side + column];
                let hits = cell.iter().filter(|(_, place)| place.distance(centre) < self.radius);
                near.extend(hits.map(|(index, _)| *index));
            }
        }
        near.sort_unstable();
        near
    }

    /// The row or column of a coordinate; what lies outside the map falls into the border cell.
    fn cell(&self, coordinate: f64) -> usize {
        // A cast from a negative number gives zero.
        let cell = (coordinate / SIDE * self.cells_per_side as f64) as usize;
        cell.min(self.cells_per_side - 1)
    }
}

const MAX_CELLS_PER_SIDE: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::stream::{Purpose, stream};

    #[test]
    fn the_grid_finds_what_asking_every_place_finds() {
        let mut rng = stream(7, Purpose::Terminal, 0);
        let places: Vec<Place> = (0..500).map(|_| Place::draw(&mut rng)).collect();
        for radius in [0.01, 3.7, 5.0, 33.3, 99.9, 500.0] {
            let grid = Grid::new(places.iter().copied(), radius);
            for &centre in &places[..50] {
                let naive: Vec<u32> = (0u32..)
                    .zip(&places)
                    .filter(|(_, place)| place.distance(centre) < radius)
                    .map(|(index, _)| index)
                    .collect();
                assert_eq!(grid.near(centre), naive, "radius {radius}");
            }
        }
    }
}
