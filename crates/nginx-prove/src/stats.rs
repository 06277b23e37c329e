//! Figures over a series of samples.

/// The slope of the least-squares line through samples taken at equal steps: growth per step.
/// Fewer than two samples grow by nothing.
#[must_use]
pub fn slope(samples: &[f64]) -> f64 {
    let count = samples.len() as f64;
    if samples.len() < 2 {
        return 0.0;
    }
    let mean_x = (count - 1.0) / 2.0;
    let mean_y = samples.iter().sum::<f64>() / count;
    let mut covariance = 0.0;
    let mut variance = 0.0;
    for (step, sample) in samples.iter().enumerate() {
        let x = step as f64 - mean_x;
        covariance += x * (sample - mean_y);
        variance += x * x;
    }
    covariance / variance
}

#[cfg(test)]
mod tests {
    use super::slope;

    #[test]
    fn finds_growth() {
        assert!((slope(&[1.0, 3.0, 5.0, 7.0]) - 2.0).abs() < 1e-9);
        assert!(slope(&[4.0, 4.0, 4.0]).abs() < 1e-9);
        assert!(slope(&[5.0, 4.0]) < 0.0);
        assert!(slope(&[9.0]).abs() < 1e-9);
    }
}
