//! The 32 bytes on chain that name a job definition: the sha2-256 digest inside the IPFS CIDv0 of
//! its JSON, as a node will fetch it. Computed here as `ipfs add` does: UnixFS in dag-pb, chunks of
//! 256 KiB, balanced, at most 174 links a node.

use sha2::{Digest, Sha256};

/// Most bytes of a file in one block.
const CHUNK_BYTES: usize = 262_144;
/// Most children of a node of the tree.
const MOST_LINKS: usize = 174;

/// A block of the tree, as its parent links to it.
struct Node {
    digest: [u8; 32],
    /// Bytes of the file below it.
    file_bytes: u64,
    /// Bytes of its block and all below it.
    tree_bytes: u64,
}

/// The digest of a file of any size.
///
/// ```
/// use nosana_deploy_client::{digest::{cid, digest}, json::stringify};
///
/// let job = serde_json::json!({"version": "0.1", "type": "container", "ops": [
///     {"type": "container/run", "id": "a", "args": {"image": "ubuntu"}}
/// ]});
/// let name = cid(&digest(stringify(&job).as_bytes()));
/// assert_eq!(name, "QmUKqL64Tg8JeqV9bTPPxTSBdsa6PAS9EZz93ecVKm4rGk");
/// ```
pub fn digest(bytes: &[u8]) -> [u8; 32] {
    let mut layer: Vec<Node> = bytes.chunks(CHUNK_BYTES).map(leaf).collect();
    while layer.len() > 1 {
        layer = layer.chunks(MOST_LINKS).map(parent).collect();
    }
    layer.pop().unwrap_or_else(|| leaf(&[])).digest
}

/// A digest as people and IPFS name it: its CIDv0, 46 characters of base58 that begin with `Qm`.
pub fn cid(digest: &[u8; 32]) -> String {
    bs58::encode(multihash(digest)).into_string()
}

/// The digest that a CIDv0 names, or `None` if it is none.
pub fn from_cid(cid: &str) -> Option<[u8; 32]> {
    let multihash = bs58::decode(cid).into_vec().ok()?;
    multihash.strip_prefix(&SHA2_256)?.try_into().ok()
}

/// Multihash prefix: sha2-256, 32 bytes.
const SHA2_256: [u8; 2] = [0x12, 0x20];

fn multihash(digest: &[u8; 32]) -> Vec<u8> {
    [SHA2_256.as_slice(), digest].concat()
}

fn leaf(chunk: &[u8]) -> Node {
    let size = length(chunk);
    let mut unixfs = UNIXFS_FILE.to_vec();
    if !chunk.is_empty() {
        field(&mut unixfs, 0x12, chunk);
    }
    number(&mut unixfs, 0x18, size);
    let mut block = Vec::new();
    field(&mut block, 0x0a, &unixfs);
    Node {
        digest: Sha256::digest(&block).into(),
        file_bytes: size,
        tree_bytes: length(&block),
    }
}

fn parent(children: &[Node]) -> Node {
    let sum = |of: fn(&Node) -> u64| children.iter().map(of).fold(0, u64::saturating_add);
    let file_bytes = sum(|child| child.file_bytes);
    let mut unixfs = UNIXFS_FILE.to_vec();
    number(&mut unixfs, 0x18, file_bytes);
    let mut block = Vec::new();
    for child in children {
        number(&mut unixfs, 0x20, child.file_bytes);
        let mut link = Vec::new();
        field(&mut link, 0x0a, &multihash(&child.digest));
        field(&mut link, 0x12, &[]); // no name
        number(&mut link, 0x18, child.tree_bytes);
        field(&mut block, 0x12, &link);
    }
    field(&mut block, 0x0a, &unixfs);
    Node {
        digest: Sha256::digest(&block).into(),
        file_bytes,
        tree_bytes: sum(|child| child.tree_bytes).saturating_add(length(&block)),
    }
}

/// UnixFS: field 1, type, is 2: a file.
const UNIXFS_FILE: [u8; 2] = [0x08, 0x02];

/// A protobuf field of bytes, whose tag is number and wire type in one.
fn field(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    number(out, tag, length(bytes));
    out.extend_from_slice(bytes);
}

/// A protobuf field of a number: tag and LEB128.
fn number(out: &mut Vec<u8>, tag: u8, mut value: u64) {
    out.push(tag);
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_that_nosana_s_service_pins() {
        let cases = [
            (
                r#"{"version":"0.1","type":"container","ops":[{"type":"container/run","id":"a","args":{"image":"ubuntu"}}]}"#,
                "QmUKqL64Tg8JeqV9bTPPxTSBdsa6PAS9EZz93ecVKm4rGk",
                "58f08c9ae8ead525c5c16a4f403d0becb548025d016c2a37d4e59776550a596d",
            ),
            (
                r#"{"version":"0.1","type":"container","ops":[],"deployment_id":"11111111111111111111111111111111","meta":{"trigger":"deployment-manager"}}"#,
                "QmbKiLbbjVK8tjymJWAH5UHjF5nLKovYr4eFY4xVLPcCG1",
                "c0ea73e5e4b42f2deade2e8d12a70b16fce12dc20e86fcb5727261cafe80eb2a",
            ),
        ];
        for (json, name, hex) in cases {
            let digest = digest(json.as_bytes());
            let shown: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!((cid(&digest).as_str(), shown.as_str()), (name, hex));
        }
    }

    /// Right: what the npm package ipfs-only-hash 4.0.0 says of n bytes, byte i being 31 i + 7.
    #[test]
    fn files_of_any_size_are_named_as_ipfs_names_them() {
        let cases = [
            (0, "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH"),
            (1, "QmXC9WjuLo7EfydBdbWyvpGif62nrxbDCX2vcz9ZqLTQvV"),
            (262_144, "QmVV5RrHAR5ZerjbGLJSDXCBjkiR1DraddGdvKRAowDJvA"),
            (262_145, "QmS7fy4bE586ZCgYuxrdNEhggP1Cm5FBuZaqmgtfSqFizr"),
            (524_288, "QmPuckKbndF5UWST3PDx65jPCrVggFtaK9r9pQQyu2fA7i"),
            (600_000, "QmRT38sDncNFH3zMM29Lr7c2BCxdBEj1uyEUMjyoKahvYK"),
            // As many chunks as a node has links, and one more: a third layer.
            (45_613_056, "QmNPiCxWYYb9VhwtSdter7P57Yt3Lwc1m3mvFwp9fDoCq1"),
            (45_613_057, "QmQ7WSZzmsnaQuBHtVvLTbG2168kggQCHYXbA9wudKQ3ss"),
        ];
        for (size, name) in cases {
            let bytes: Vec<u8> = (0..size)
                .map(|i: usize| (i * 31 + 7).to_le_bytes()[0])
                .collect();
            assert_eq!(cid(&digest(&bytes)), name, "{size} bytes");
        }
    }

    #[test]
    fn a_cid_names_its_digest_and_nothing_else_does() {
        let digest = digest(b"{}");
        assert_eq!(from_cid(&cid(&digest)), Some(digest));
        for wrong in ["", "Qm", "bafybeigdyrzt", "0O", &cid(&digest)[1..]] {
            assert_eq!(from_cid(wrong), None, "{wrong}");
        }
    }
}
