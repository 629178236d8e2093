//! What a job leaves behind: a JSON that its node stores on IPFS and names on chain.

use serde::Deserialize;
use serde_json::Value;

/// The largest result that is read, 64 MiB: logs can be long.
pub const MAX_RESULT_BYTES: usize = 64 << 20;

/// A job's result. Nodes of other versions may write more, or leave something out.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(default, rename_all = "camelCase")]
pub struct JobResult {
    /// How the job ended, in the node's words: `success`, `failed`, …
    pub status: Option<String>,
    /// Unix milliseconds.
    pub start_time: Option<Value>,
    /// Unix milliseconds.
    pub end_time: Option<Value>,
    /// What went wrong besides the operations.
    pub errors: Option<Value>,
    /// One for each operation; none if the node sent the result elsewhere.
    pub op_states: Vec<OpState>,
}

/// What an operation left behind.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(default, rename_all = "camelCase")]
pub struct OpState {
    /// The operation's id.
    pub operation_id: Option<String>,
    /// How it ended, in the node's words.
    pub status: Option<String>,
    /// Unix milliseconds.
    pub start_time: Option<Value>,
    /// Unix milliseconds.
    pub end_time: Option<Value>,
    /// What its process returned.
    pub exit_code: Option<i64>,
    /// What it printed, in order.
    pub logs: Vec<LogLine>,
    /// What the definition asked to be kept.
    pub results: Option<Value>,
}

/// Something that an operation printed.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct LogLine {
    /// Where: `stdin`, `stdout`, `stderr` or `nodeerr`.
    #[serde(rename = "type")]
    pub stream: Option<String>,
    /// What.
    pub log: Option<String>,
}

impl JobResult {
    /// Reads a result; `None` if it is not JSON of this shape.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_reads_whatever_its_node_left_out() {
        let text = br#"{"status":"success","startTime":1,"endTime":2,"opStates":[
            {"operationId":"a","status":"success","exitCode":0,"startTime":1,"endTime":2,"logs":[
                {"type":"stdout","log":"hello\n"},{"type":"stderr","log":null}],"results":{"x":["1"]}},
            {"operationId":"b","exitCode":null,"unknown":true}]}"#;
        let result = JobResult::read(text).unwrap();
        assert_eq!(result.op_states.len(), 2);
        let [first, second] = &result.op_states[..] else {
            panic!()
        };
        assert_eq!((first.exit_code, second.exit_code), (Some(0), None));
        assert_eq!(first.logs[0].log.as_deref(), Some("hello\n"));
        assert!(JobResult::read(b"{}").unwrap().op_states.is_empty());
        assert_eq!(JobResult::read(b"[]x"), None);
    }
}
