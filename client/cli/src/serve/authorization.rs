//! Who may have something done: the owner whose key the server was given, by the signature that the service's
//! clients send. Reads are anybody's, as the chain is.

use super::refusal::Refusal;
use axum::http::{
    header::{AUTHORIZATION, HOST, ORIGIN},
    HeaderMap, Uri,
};
use nosana_deploy_client::confidential::MAX_AGE_MS;
use solana_program::pubkey::Pubkey;
use solana_signature::Signature;
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

/// What the service's clients sign.
const MESSAGE: &str = "NosanaApiAuthentication";
/// The header in which they name who they are.
const USER: &str = "x-user-id";
/// So many dated authorisations are remembered, each for [`MAX_AGE_MS`].
const MOST_REMEMBERED: usize = 10_000;

/// Lets requests through that have something done.
pub(super) struct Gate {
    /// Whose key the server has.
    signer: Option<Pubkey>,
    /// Whether an authorisation without a time counts. The service's own clients send such; who listens in can
    /// use it for ever.
    takes_undated: bool,
    /// Dated authorisations that were used, and when they were signed, unix milliseconds.
    used: Mutex<HashMap<Signed, u64>>,
}

/// What tells an authorisation from another: its signature and its time.
type Signed = (Signature, u64);

impl Gate {
    pub(super) fn new(signer: Option<Pubkey>, takes_undated: bool) -> Self {
        Self {
            signer,
            takes_undated,
            used: Mutex::default(),
        }
    }

    /// The owner who signed a request, if that is whose key the server has. `now_ms` is the time, unix
    /// milliseconds.
    pub(super) fn admit(&self, headers: &HeaderMap, now_ms: u64) -> Result<Pubkey, Refusal> {
        require_same_origin(headers)?;
        let signed = text(headers, AUTHORIZATION.as_str());
        let signed = signed.ok_or_else(|| Refusal::unauthorized("Authorization: missing; sign as the service's clients do, or have a transaction made at /api/transactions and sign that"))?;
        if signed.starts_with("Bearer ") {
            return Err(Refusal::not_here(NO_API_KEYS));
        }
        let owner = named_owner(headers)?;
        let proof = Proof::read(signed)?;
        if !proof.signature.verify(owner.as_ref(), MESSAGE.as_bytes()) {
            return Err(Refusal::unauthorized(format!(
                "Authorization: not signed by {owner}"
            )));
        }
        match self.signer {
            None => return Err(Refusal::forbidden("this server has no key to act with; start it with --keypair, or have a transaction made at /api/transactions and sign that")),
            Some(signer) if signer != owner => return Err(Refusal::forbidden(format!(
                "this server acts for {signer} alone, not for {owner}; have a transaction made at /api/transactions and sign that"
            ))),
            Some(_) => {}
        }
        self.require_fresh(&proof, now_ms)?;
        Ok(owner)
    }

    fn require_fresh(&self, proof: &Proof, now_ms: u64) -> Result<(), Refusal> {
        let Some(at_ms) = proof.at_ms else {
            return match self.takes_undated {
                true => Ok(()),
                false => Err(Refusal::unauthorized("Authorization: sign with a time; without one, whoever listens in could use it for ever, so it counts only for a server that nobody else reaches")),
            };
        };
        if at_ms.abs_diff(now_ms) > MAX_AGE_MS {
            return Err(Refusal::unauthorized(
                "Authorization: signed more than 300 seconds ago, or ahead; sign again",
            ));
        }
        // Whoever panicked left a whole map.
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.retain(|_, at_ms| at_ms.abs_diff(now_ms) <= MAX_AGE_MS);
        if used.len() >= MOST_REMEMBERED {
            return Err(Refusal::unauthorized(
                "Authorization: too many in five minutes; wait",
            ));
        }
        match used.insert((proof.signature, at_ms), at_ms) {
            None => Ok(()),
            Some(_) => Err(Refusal::unauthorized(
                "Authorization: used before; sign again",
            )),
        }
    }
}

/// What answers to an API key.
pub(super) const NO_API_KEYS: &str = "API keys are the service's own: whoever holds one is served with keys that the service keeps. Here a wallet signs";

/// `<message>:<base58 signature>[:<unix ms>]`.
struct Proof {
    signature: Signature,
    at_ms: Option<u64>,
}

impl Proof {
    fn read(text: &str) -> Result<Self, Refusal> {
        let wrong = || {
            Refusal::unauthorized(format!(
                "Authorization: use {MESSAGE}:<base58 signature of it>:<unix ms>"
            ))
        };
        let mut parts = text.split(':');
        let (message, signature, at) = (parts.next(), parts.next(), parts.next());
        if message != Some(MESSAGE) || parts.next().is_some() {
            return Err(wrong());
        }
        let signature = signature.and_then(|text| text.parse().ok());
        Ok(Self {
            signature: signature.ok_or_else(wrong)?,
            at_ms: at.map(|at| at.parse().map_err(|_| wrong())).transpose()?,
        })
    }
}

/// Whom a request names as its user.
pub(super) fn named_owner(headers: &HeaderMap) -> Result<Pubkey, Refusal> {
    let named = text(headers, USER).and_then(|text| text.parse().ok());
    named.ok_or_else(|| {
        Refusal::unauthorized(format!(
            "{USER}: missing or not valid; use a wallet's base58 address"
        ))
    })
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Refuses what a page of somebody else's sends.
pub(super) fn require_same_origin(headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(origin) = text(headers, ORIGIN.as_str()) else {
        return Ok(()); // no browser
    };
    let of_origin = origin.split_once("://").map(|(_, host)| host);
    match of_origin.is_some() && of_origin == text(headers, HOST.as_str()) {
        true => Ok(()),
        false => Err(Refusal::forbidden(format!(
            "Origin: {origin} is not this server; only its own page may have something done"
        ))),
    }
}

/// Whether a name that requests call the server by means this machine. A page whose name is made to point here
/// is refused by it.
pub(super) fn is_local(host: &str) -> bool {
    let uri = format!("http://{host}").parse::<Uri>();
    let name = uri.ok().and_then(|uri| uri.host().map(str::to_owned));
    name.is_some_and(|name| {
        let address = name.trim_matches(['[', ']']).parse::<IpAddr>();
        name == "localhost" || address.is_ok_and(|address| address.is_loopback())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use solana_keypair::Keypair;
    use solana_signer::Signer;

    const NOW: u64 = 1_700_000_000_000;

    fn keypair(of: u8) -> Keypair {
        Keypair::new_from_array([of; 32])
    }

    fn headers(user: &Pubkey, authorization: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(USER, user.to_string().parse().unwrap());
        headers.insert(AUTHORIZATION, authorization.parse().unwrap());
        headers
    }

    fn signed(by: &Keypair, at: Option<u64>) -> String {
        let signature = by.sign_message(MESSAGE.as_bytes());
        let at = at.map(|at| format!(":{at}")).unwrap_or_default();
        format!("{MESSAGE}:{signature}{at}")
    }

    #[test]
    fn only_the_owner_whose_key_the_server_has_gets_something_done() {
        let (owner, other) = (keypair(1), keypair(2));
        let key = owner.pubkey();
        let ask = |gate: &Gate, user: &Pubkey, header: &str| {
            gate.admit(&headers(user, header), NOW)
                .map_err(|refusal| (refusal.status.as_u16(), refusal.why))
        };
        let gate = Gate::new(Some(key), true);
        assert_eq!(ask(&gate, &key, &signed(&owner, None)), Ok(key));
        assert_eq!(ask(&gate, &key, &signed(&owner, Some(NOW))), Ok(key));

        let nobody = Gate::new(None, true);
        let abroad = Gate::new(Some(key), false);
        let cases = [
            (&gate, key, signed(&other, None), 401, "not signed by"),
            (&gate, other.pubkey(), signed(&other, None), 403, "acts for"),
            (&nobody, key, signed(&owner, None), 403, "no key to act"),
            (&abroad, key, signed(&owner, None), 401, "with a time"),
            (&gate, key, signed(&owner, Some(NOW)), 401, "used before"),
            (&gate, key, signed(&owner, Some(NOW - 300_001)), 401, "300"),
            (&gate, key, signed(&owner, Some(NOW + 300_001)), 401, "300"),
            (&gate, key, "Bearer nos_x".into(), 501, "API keys"),
            (&gate, key, "x:y".into(), 401, "use Nosana"),
            (
                &gate,
                key,
                format!("{}:1", signed(&owner, Some(NOW))),
                401,
                "use",
            ),
            (&gate, key, signed(&owner, None) + ":-1", 401, "use"),
        ];
        for (gate, user, header, status, said) in cases {
            let (found, why) = ask(gate, &user, &header).unwrap_err();
            assert_eq!(found, status, "{header}: {why}");
            assert!(why.contains(said), "{header}: {why}");
        }
        assert_eq!(
            abroad.admit(&headers(&key, &signed(&owner, Some(NOW))), NOW),
            Ok(key)
        );
        assert_eq!(gate.admit(&HeaderMap::new(), NOW).unwrap_err().status, 401);
    }

    #[test]
    fn a_page_of_somebody_else_s_is_refused() {
        let ask = |origin: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, "127.0.0.1:9480".parse().unwrap());
            if let Some(origin) = origin {
                headers.insert(ORIGIN, origin.parse().unwrap());
            }
            require_same_origin(&headers).is_ok()
        };
        assert!(ask(None) && ask(Some("http://127.0.0.1:9480")));
        for origin in ["http://evil.example", "http://127.0.0.1:80", "null"] {
            assert!(!ask(Some(origin)), "{origin}");
        }
    }

    #[test]
    fn a_name_that_was_made_to_point_here_is_not_local() {
        for host in [
            "localhost",
            "localhost:9480",
            "127.0.0.1:9480",
            "[::1]:9480",
        ] {
            assert!(is_local(host), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "192.168.0.1",
            "",
            "127.0.0.1.x",
        ] {
            assert!(!is_local(host), "{host}");
        }
    }
}
