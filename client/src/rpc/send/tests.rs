//! Against nodes that take a transaction and never tell what became of it.

use super::*;
use serde_json::{json, Value};
use solana_commitment_config::CommitmentConfig;
use solana_keypair::Keypair;
use solana_message::{v0, VersionedMessage};
use solana_rpc_client::{
    nonblocking::rpc_client::RpcClient,
    rpc_client::RpcClientConfig,
    rpc_sender::{RpcSender, RpcTransportStats},
};
use solana_rpc_client_api::{client_error::Result as Answer, request::RpcRequest};
use solana_signer::Signer;
use std::{
    future::Future,
    pin::Pin,
    sync::{
        atomic::{AtomicU32, Ordering},
        Arc,
    },
    time::Duration,
};

/// Knows nothing of any transaction. Its blockhash is valid for so many questions.
struct Silent {
    valid: AtomicU32,
    sent: Arc<AtomicU32>,
    signature: Signature,
}

impl Silent {
    fn answer(&self, request: RpcRequest) -> Value {
        let of = |value: Value| json!({"context": {"slot": 1}, "value": value});
        match request {
            RpcRequest::SendTransaction => {
                self.sent.fetch_add(1, Ordering::Relaxed);
                json!(self.signature.to_string())
            }
            RpcRequest::GetSignatureStatuses => of(json!([null])),
            RpcRequest::IsBlockhashValid => {
                let left = self.valid.load(Ordering::Relaxed);
                self.valid.store(left.saturating_sub(1), Ordering::Relaxed);
                of(json!(left > 0))
            }
            other => panic!("{other} is not asked"),
        }
    }
}

impl RpcSender for Silent {
    fn send<'life, 'run>(
        &'life self,
        request: RpcRequest,
        _: Value,
    ) -> Pin<Box<dyn Future<Output = Answer<Value>> + Send + 'run>>
    where
        'life: 'run,
        Self: 'run,
    {
        Box::pin(async move { Ok(self.answer(request)) })
    }

    fn get_transport_stats(&self) -> RpcTransportStats {
        RpcTransportStats::default()
    }

    fn url(&self) -> String {
        "http://silent".into()
    }
}

/// What becomes of a transaction of this lifetime, and how often it was sent.
async fn sent(valid: u32, lifetime: Lifetime) -> (ClusterError, u32) {
    let payer = Keypair::new();
    let message = v0::Message::try_compile(&payer.pubkey(), &[], &[], Hash::default()).unwrap();
    let transaction =
        VersionedTransaction::try_new(VersionedMessage::V0(message), &[&payer]).unwrap();
    let count = Arc::new(AtomicU32::new(0));
    let silent = Silent {
        valid: AtomicU32::new(valid),
        sent: count.clone(),
        signature: transaction.signatures[0],
    };
    let config = RpcClientConfig::with_commitment(CommitmentConfig::confirmed());
    let cluster = Cluster {
        client: RpcClient::new_sender(silent, config),
        shown_url: "http://silent".into(),
        poll: Duration::ZERO,
    };
    let error = cluster.send(&transaction, lifetime).await.unwrap_err();
    (error, count.load(Ordering::Relaxed))
}

#[tokio::test]
async fn a_transaction_with_a_nonce_never_expires_and_may_land_until_the_nonce_advances() {
    let account = Pubkey::new_from_array([7; 32]);
    let nonce = Lifetime::Nonce {
        account,
        authority: Pubkey::new_from_array([8; 32]),
        nonce: Hash::default(),
    };
    // No blockhash is asked about: the node would call it invalid.
    let (error, times) = sent(0, nonce).await;
    let said = error.to_string();
    assert!(matches!(error, ClusterError::Unconfirmed { .. }), "{said}");
    let until =
        format!("is not confirmed and may still land until the nonce {account} is advanced");
    assert!(said.contains(&until), "{said}");
    assert_eq!(times, 1 + MOST_POLLS / POLLS_PER_SEND);
}

#[tokio::test]
async fn one_with_a_blockhash_expires_once_the_node_says_so_and_not_before() {
    let hash = Lifetime::Blockhash(Hash::default());
    let (error, times) = sent(3, hash).await;
    assert!(matches!(error, ClusterError::Expired(_)), "{error}");
    assert_eq!(times, 1 + 3, "sent again while it was valid");
    let (error, _) = sent(u32::MAX, hash).await;
    let said = error.to_string();
    assert!(matches!(error, ClusterError::Unconfirmed { .. }), "{said}");
    assert!(
        said.contains("may still land until its blockhash"),
        "{said}"
    );
}
