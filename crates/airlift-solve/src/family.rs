//! What is known to go together, where it is not known what needs what.

/// Binds what was made from one source and is installed in one version: where one is upgraded, all of them are. For each
/// member whose dependencies are `unknown`, the others that it is taken to need: the next one, and of the first also those
/// whose dependencies are `known`.
pub fn bound(known: &[usize], unknown: &[usize]) -> Vec<(usize, Vec<usize>)> {
    let needs = |(place, &member): (usize, &usize)| {
        let next = unknown[(place + 1) % unknown.len()];
        let others = known.iter().filter(|_| place == 0).chain([&next]);
        (member, others.copied().collect())
    };
    unknown.iter().enumerate().map(needs).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whichever_is_upgraded_all_are() {
        assert_eq!(bound(&[7, 8], &[1, 2, 3]), [(1, vec![7, 8, 2]), (2, vec![3]), (3, vec![1])]);
        assert_eq!(bound(&[7], &[1]), [(1, vec![7, 1])]);
        assert_eq!(bound(&[7], &[]), []);
    }
}
