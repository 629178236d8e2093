//! Places in a JSON document, as Kubernetes writes them: `job_definition.ops[0].args.image`.

use std::fmt;

/// A step into a JSON document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Into an object.
    Key(String),
    /// Into an array, from 0.
    Index(usize),
}

/// A place in a JSON document; empty for the document itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path(pub Vec<Step>);

impl Path {
    /// The place of `key` in the object here.
    pub fn key(&self, key: &str) -> Self {
        self.join(Step::Key(key.into()))
    }

    /// The place of item `index` of the array here.
    pub fn index(&self, index: usize) -> Self {
        self.join(Step::Index(index))
    }

    /// Whether an object's key on the way here is one of `keys`.
    pub fn passes(&self, keys: &[&str]) -> bool {
        let mut steps = self.0.iter();
        steps.any(|step| matches!(step, Step::Key(key) if keys.contains(&key.as_str())))
    }

    fn join(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }
}

/// Keys that are not plain words are quoted in brackets: `env["A.B"]`.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |key: &str| {
            !key.is_empty()
                && key
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
        };
        for (position, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) if !plain(key) => write!(f, "[{key:?}]")?,
                Step::Key(key) if position == 0 => f.write_str(key)?,
                Step::Key(key) => write!(f, ".{key}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_read_as_they_would_be_written() {
        let root = Path::default();
        let env = root.key("ops").index(0).key("args").key("env");
        assert_eq!(root.to_string(), "");
        assert_eq!(env.key("PORT").to_string(), "ops[0].args.env.PORT");
        assert_eq!(env.key("A.B").to_string(), r#"ops[0].args.env["A.B"]"#);
        assert!(env.passes(&["IAM", "env"]) && !env.passes(&["PORT"]));
    }
}
