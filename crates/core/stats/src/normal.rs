//! The normal distribution.

/// The `p` quantile of the standard normal distribution: minus infinity at 0, infinity at 1, NaN outside.
///
/// Source: M. Giles, "Approximating the erfinv function", GPU Computing Gems 2 (2011), the double-precision polynomials.
/// Commons Math 3 uses the same, so that the quantiles of Kayenta's judge come out to the last bit.
#[must_use]
pub fn quantile(p: f64) -> f64 {
    if !(0.0..=1.0).contains(&p) {
        return f64::NAN;
    }
    std::f64::consts::SQRT_2 * inverse_erf(2.0 * p - 1.0)
}

/// The chance that a standard normal variable is at most `z`.
#[must_use]
pub fn cumulative(z: f64) -> f64 {
    0.5 * libm::erfc(-z / std::f64::consts::SQRT_2)
}

fn inverse_erf(x: f64) -> f64 {
    if 1.0 <= x.abs() {
        return x * f64::INFINITY;
    }
    let w = -((1.0 - x) * (1.0 + x)).ln();
    let polynomial = |at: f64, coefficients: &[f64]| coefficients.iter().fold(0.0, |sum, c| c + sum * at);
    let factor = if w < 6.25 {
        polynomial(w - 3.125, &CENTER)
    } else if w < 16.0 {
        polynomial(w.sqrt() - 3.25, &SHOULDER)
    } else {
        polynomial(w.sqrt() - 5.0, &TAIL)
    };
    factor * x
}

const CENTER: [f64; 23] = [
    -3.644_412_064_017_82e-21,
    -1.685_059_138_182_016_6e-19,
    1.285_848_071_525_64e-18,
    1.115_787_767_802_518e-17,
    -1.333_171_662_854_621e-16,
    2.097_276_787_596_856_3e-17,
    6.637_638_134_358_324e-15,
    -4.054_566_272_975_207e-14,
    -8.151_934_197_605_472e-14,
    2.633_509_315_308_232_3e-12,
    -1.297_513_325_345_353_2e-11,
    -5.415_412_054_294_628e-11,
    1.051_212_273_321_532_3e-9,
    -4.112_633_980_346_984e-9,
    -2.907_036_995_788_200_5e-8,
    4.234_787_782_793_24e-7,
    -1.365_469_200_083_467_8e-6,
    -1.388_252_336_278_646_8e-5,
    0.000_186_734_208_034_057_14,
    -0.000_740_702_534_166_267,
    -0.006_033_670_871_430_149,
    0.240_158_182_425_589_6,
    1.653_654_562_683_102_7,
];

const SHOULDER: [f64; 19] = [
    2.213_737_692_177_578_7e-9,
    9.075_656_193_888_539e-8,
    -2.751_740_629_706_454_5e-7,
    1.823_962_921_438_922_8e-8,
    1.502_740_396_890_982_8e-6,
    -4.013_867_526_981_546e-6,
    2.923_444_908_995_544_6e-6,
    1.247_530_448_167_178e-5,
    -4.731_822_900_905_573_4e-5,
    6.828_485_145_957_318e-5,
    2.403_111_038_709_789_4e-5,
    -0.000_355_037_520_362_847_96,
    0.000_953_289_379_737_380_5,
    -0.001_688_275_556_023_504_7,
    0.002_491_442_096_107_851,
    -0.003_751_208_507_569_241,
    0.005_370_914_553_590_064,
    1.005_258_967_694_159_2,
    3.083_885_610_492_220_8,
];

const TAIL: [f64; 17] = [
    -2.710_992_061_643_857_3e-11,
    -2.555_641_816_996_525e-10,
    1.507_657_269_350_054_8e-9,
    -3.789_465_440_126_737e-9,
    7.615_701_208_078_34e-9,
    -1.496_002_662_714_924e-8,
    2.914_795_345_090_108e-8,
    -6.771_199_775_845_234e-8,
    2.290_048_222_802_665_5e-7,
    -9.929_827_294_231_7e-7,
    4.526_062_597_223_154e-6,
    -1.968_177_810_553_167e-5,
    7.599_527_703_001_776e-5,
    -0.000_215_030_119_300_444_78,
    -0.000_138_719_318_336_231_22,
    1.010_300_464_864_534_4,
    4.849_906_401_408_584,
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Printed with R's `qnorm` to all digits.
    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (p, wanted) in [
            (0.5, 0.0),
            (0.25, -0.674_489_750_196_081_7),
            (0.025, -1.959_963_984_540_054),
            (0.01, -2.326_347_874_040_841),
            (0.005, -2.575_829_303_548_900_4),
            (0.975, 1.959_963_984_540_054),
        ] {
            assert!((quantile(p) - wanted).abs() < 1e-11, "{p}: {}", quantile(p));
        }
        assert_eq!((quantile(0.0), quantile(1.0)), (f64::NEG_INFINITY, f64::INFINITY));
        assert!(quantile(-0.1).is_nan() && quantile(1.1).is_nan() && quantile(f64::NAN).is_nan());
    }

    #[test]
    fn the_cumulative_undoes_the_quantile() {
        for p in [1e-9, 0.025, 0.5, 0.9, 0.999] {
            assert!((cumulative(quantile(p)) / p - 1.0).abs() < 1e-7, "{p}");
        }
    }
}
