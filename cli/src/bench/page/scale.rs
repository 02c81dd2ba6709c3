//! From values to places in a drawing, and round values to label an axis with.

/// Places for values from 0 to the greatest tick, at even distances.
#[derive(Debug, Clone)]
pub(super) struct Linear {
    pub(super) ticks: Vec<f64>,
    from: f64,
    to: f64,
}

/// Places for values between two powers of ten.
#[derive(Debug, Clone)]
pub(super) struct Logarithmic {
    pub(super) ticks: Vec<f64>,
    from: f64,
    to: f64,
}

impl Linear {
    /// Values up to `greatest` lie from the place `from` to the place `to`.
    pub(super) fn new(greatest: f64, from: f64, to: f64) -> Self {
        let greatest = if greatest > 0.0 { greatest } else { 1.0 };
        // Four to eight steps of 1, 2 or 5 times a power of ten.
        let power = 10_f64.powf((greatest / 4.0).log10().floor());
        let step = [5.0, 2.0, 1.0]
            .map(|digit| digit * power)
            .into_iter()
            .find(|step| greatest / step >= 4.0)
            .unwrap_or(power);
        let steps = (greatest / step).ceil() as u32;
        Self {
            ticks: (0..=steps).map(|tick| f64::from(tick) * step).collect(),
            from,
            to,
        }
    }

    pub(super) fn place(&self, value: f64) -> f64 {
        let greatest = self.ticks.last().copied().unwrap_or(1.0);
        self.from + (self.to - self.from) * value / greatest
    }
}

impl Logarithmic {
    /// Values from `least` to `greatest`, both above 0, lie between the places `from` and `to`.
    pub(super) fn new(least: f64, greatest: f64, from: f64, to: f64) -> Self {
        let lowest = least.max(1e-9).log10().floor() as i32;
        let highest = (greatest.max(1e-9).log10().ceil() as i32).max(lowest + 1);
        Self {
            ticks: (lowest..=highest).map(|power| 10_f64.powi(power)).collect(),
            from,
            to,
        }
    }

    pub(super) fn place(&self, value: f64) -> f64 {
        let lowest = self.ticks.first().map_or(0.0, |tick| tick.log10());
        let highest = self.ticks.last().map_or(1.0, |tick| tick.log10());
        let share = (value.max(1e-9).log10() - lowest) / (highest - lowest);
        self.from + (self.to - self.from) * share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linear_ticks_are_round_few_and_cover_the_greatest_value() {
        for greatest in [0.003, 0.9, 1.0, 7.3, 24.31, 99.0, 100.0, 3_300.0, 1e9] {
            let scale = Linear::new(greatest, 0.0, 100.0);
            assert!((5..=11).contains(&scale.ticks.len()), "{:?}", scale.ticks);
            assert!(scale.place(greatest) <= 100.0 + 1e-9);
            assert!(
                scale.place(greatest) >= 75.0,
                "{greatest}: {:?}",
                scale.ticks
            );
        }
        assert_eq!(
            Linear::new(24.3, 0.0, 1.0).ticks,
            [0.0, 5.0, 10.0, 15.0, 20.0, 25.0]
        );
        assert_eq!(Linear::new(0.0, 5.0, 10.0).place(0.0), 5.0);
    }

    #[test]
    fn a_logarithmic_scale_gives_each_power_of_ten_the_same_room() {
        let scale = Logarithmic::new(80.0, 4_000_000.0, 600.0, 0.0);
        assert_eq!(scale.ticks, [1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7]);
        assert!((scale.place(1e1) - 600.0).abs() < 1e-6);
        assert!((scale.place(1e4) - 300.0).abs() < 1e-6);
        assert!((scale.place(1e7)).abs() < 1e-6);
    }
}
