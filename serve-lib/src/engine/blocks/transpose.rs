//! Rows to columns, sixteen by sixteen in registers.

use std::arch::x86_64::*;

use super::super::cpu::{load_up_to_16, store_16_f32};

/// Values of sixteen rows, by column.
pub(super) type Columns<const N: usize> = [[f32; 16]; N];

/// The columns of up to sixteen rows of `n_values` each, at most `N`; rows that are not there are zeros.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn columns<const N: usize>(rows: &[f32], n_values: usize, columns: &mut Columns<N>) {
    let (sixteens, _) = columns.as_chunks_mut::<16>();
    for (sixteen, columns) in sixteens.iter_mut().enumerate().take(n_values.div_ceil(16)) {
        let mut each = rows.chunks_exact(n_values);
        let tile = std::array::from_fn(|_| {
            let row = each.next().unwrap_or_default();
            load_up_to_16(row.get(sixteen * 16..).unwrap_or_default())
        });
        for (column, values) in columns.iter_mut().zip(transposed(tile)) {
            store_16_f32(column, values);
        }
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn transposed(rows: [__m512; 16]) -> [__m512; 16] {
    // Of four rows each: in the part `p` of register `c` lies column `4 p + c`.
    let fours: [[__m512; 4]; 4] = std::array::from_fn(|four| {
        let [a, b, c, d] = std::array::from_fn(|row| rows[four * 4 + row]);
        let (ab, cd) = (_mm512_unpacklo_ps(a, b), _mm512_unpacklo_ps(c, d));
        let (ab, cd) = (_mm512_castps_pd(ab), _mm512_castps_pd(cd));
        let (high_ab, high_cd) = (_mm512_unpackhi_ps(a, b), _mm512_unpackhi_ps(c, d));
        let (high_ab, high_cd) = (_mm512_castps_pd(high_ab), _mm512_castps_pd(high_cd));
        [
            _mm512_unpacklo_pd(ab, cd),
            _mm512_unpackhi_pd(ab, cd),
            _mm512_unpacklo_pd(high_ab, high_cd),
            _mm512_unpackhi_pd(high_ab, high_cd),
        ]
        .map(|of_four| _mm512_castpd_ps(of_four))
    });
    let mut columns = rows;
    for column in 0..4 {
        let [a, b, c, d] = fours.map(|four| four[column]);
        // Parts 0 and 2, then 1 and 3, of two registers.
        let (even, odd) = (_mm512_shuffle_f32x4::<0x88>(a, b), _mm512_shuffle_f32x4::<0xdd>(a, b));
        let (even_2, odd_2) =
            (_mm512_shuffle_f32x4::<0x88>(c, d), _mm512_shuffle_f32x4::<0xdd>(c, d));
        columns[column] = _mm512_shuffle_f32x4::<0x88>(even, even_2);
        columns[column + 4] = _mm512_shuffle_f32x4::<0x88>(odd, odd_2);
        columns[column + 8] = _mm512_shuffle_f32x4::<0xdd>(even, even_2);
        columns[column + 12] = _mm512_shuffle_f32x4::<0xdd>(odd, odd_2);
    }
    columns
}
