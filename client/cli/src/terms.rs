//! What an owner agrees to: shown before a question, and in a dry run.

use crate::{
    format::{self, counted, duration, nos, nos_sum, percent, sol},
    output::Facts,
};
use nosana_deploy_client::{
    domain::{
        funding::Funds,
        lifecycle::Market,
        settings::{Settings, Strategy, NO_PRICE_CAP},
    },
    forecast::Spending,
    instructions::Vault,
    markets::price_per_second,
    rpc::{Cluster, ClusterError},
    transaction::LAMPORTS_PER_SIGNATURE,
};
use solana_program::pubkey::Pubkey;

/// Where a deployment spends, and what it has.
pub(crate) struct Terms {
    pub(crate) market: Pubkey,
    pub(crate) state: Market,
    pub(crate) vault: Vault,
    pub(crate) funds: Funds,
    /// Cluster time, unix seconds.
    pub(crate) now: i64,
}

impl Terms {
    /// Reads what the vault holds, and the time.
    pub(crate) async fn read(
        cluster: &Cluster,
        market: Pubkey,
        state: Market,
        vault: Vault,
    ) -> Result<Self, ClusterError> {
        Ok(Self {
            market,
            state,
            vault,
            funds: cluster.funds(&vault).await?,
            now: cluster.now().await?,
        })
    }

    /// What a deployment of these settings spends here.
    pub(crate) fn of(&self, settings: &Settings) -> Facts {
        let mut facts = Facts::default();
        let price = price_per_second(&self.state);
        facts.add(
            "Market",
            format!("{}, {}", self.market, format::market(&self.state)),
            "market",
            self.market.to_string(),
        );
        facts.add("", "", "price_per_second", price);
        facts.add(
            "Strategy",
            strategy(settings),
            "strategy",
            settings.strategy.name(),
        );
        replicas(settings, &mut facts);
        if let Some(spending) = price.and_then(|price| Spending::new(settings, price, self.now)) {
            let fee = percent(settings.max_fee_bps);
            let round = format!(
                "{}, and a network fee of at most {fee} %",
                nos(spending.round_nos)
            );
            facts.add("A round costs", round, "round_nos", spending.round_nos);
            let day = match spending.day_nos {
                Some(day) => nos_sum(day),
                None => "nothing: it ends with its round".into(),
            };
            let units = spending
                .day_nos
                .map(|day| u64::try_from(day).unwrap_or(u64::MAX));
            facts.add("A day costs", day, "nos_per_day", units);
        }
        price_cap(settings, &mut facts);
        keeper_reward(settings, &mut facts);
        facts.add("", "", "max_fee_bps", settings.max_fee_bps);
        let vault = format!(
            "{} {}: holds {} and {}",
            self.vault.index,
            self.vault.address,
            nos(self.funds.nos),
            sol(self.funds.lamports)
        );
        facts.add("Vault", vault, "vault", self.vault.address.to_string());
        facts.add("", "", "vault_index", self.vault.index);
        facts.add("", "", "vault_nos", self.funds.nos);
        facts.add("", "", "vault_lamports", self.funds.lamports);
        facts
    }
}

/// The strategy, with what belongs to it.
pub(crate) fn strategy(settings: &Settings) -> String {
    let name = settings.strategy.name();
    match (settings.strategy, settings.schedule) {
        (_, Some(schedule)) => {
            format!(
                "{name} \"{schedule}\" UTC, overlap {}",
                settings.overlap.name()
            )
        }
        (Strategy::Infinite, _) => {
            let rotation = duration(settings.rotation_seconds.into());
            format!("{name}, replaced {rotation} before the deadline")
        }
        (Strategy::SimpleExtend, _) if settings.auto_extend => {
            format!("{name}, prolonged before the deadline")
        }
        _ => name.to_owned(),
    }
}

/// How many jobs, and how long each may run.
pub(crate) fn replicas(settings: &Settings, facts: &mut Facts) {
    let timeout = duration(settings.timeout_seconds.into());
    let jobs = counted(settings.replicas, "job");
    let shown = format!("{jobs} of at most {timeout}");
    facts.add("Replicas", shown, "replicas", settings.replicas);
    facts.add("", "", "timeout_seconds", settings.timeout_seconds);
}

/// NOS base units per second, or nothing for no cap.
pub(crate) fn cap(max_price_per_second: u64) -> Option<u64> {
    Some(max_price_per_second).filter(|cap| *cap != NO_PRICE_CAP)
}

/// The most that the market may ask.
pub(crate) fn price_cap(settings: &Settings, facts: &mut Facts) {
    let cap = cap(settings.max_price_per_second);
    let shown = cap.map_or_else(
        || "none: a market that raises its price can take all that the vault holds".into(),
        format::price,
    );
    facts.add("Price cap", shown, "max_price_per_second", cap);
}

/// Who carries out what is due: nobody, if nobody is paid and no keeper of one's own runs.
pub(crate) fn who_acts(settings: &Settings, access_key: Option<Pubkey>, facts: &mut Facts) {
    let (who, key) = match (access_key, settings.keeper_reward_lamports) {
        (Some(access_key), _) => (
            format!("keepers that have the access key {access_key} alone; run one with `keeper --access-keypair`, or use --keep"),
            "access_key",
        ),
        (None, 0) => (
            "nobody but a keeper of your own: there is no reward. Run `keeper --owner` with your wallet, use --keep, or offer a keeper_reward".into(),
            "own_keeper",
        ),
        (None, 1..=LAMPORTS_PER_SIGNATURE) => (
            "perhaps nobody but a keeper of your own: the reward of a single job does not pay for a transaction".into(),
            "own_keeper",
        ),
        (None, reward) => (format!("any keeper, for {} a job", sol(reward)), "any_keeper"),
    };
    facts.add("Who acts", who, "acts", key);
}

/// What keepers are paid.
pub(crate) fn keeper_reward(settings: &Settings, facts: &mut Facts) {
    let reward = settings.keeper_reward_lamports;
    let shown = format!(
        "{} a job, {} a day at most{}",
        sol(reward),
        sol(settings.max_rewards_lamports_per_day),
        match reward {
            0 => "; only a keeper of your own works for nothing",
            1..=LAMPORTS_PER_SIGNATURE => "; a single job does not pay for a transaction",
            _ => "",
        }
    );
    facts.add("Keeper reward", shown, "keeper_reward_lamports", reward);
    let most = settings.max_rewards_lamports_per_day;
    facts.add("", "", "max_rewards_lamports_per_day", most);
}
