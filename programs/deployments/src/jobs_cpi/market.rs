//! A market's account, as far as a deployment looks at it.

use super::{field, MARKET, QUEUE_CAPACITY};
use crate::{constants::JOBS_PROGRAM, errors::DeployError};
use anchor_lang::prelude::*;
use deployments_domain::lifecycle::Market as MarketState;

const JOB_TYPE_UNKNOWN: u8 = 255;
const QUEUE_OF_JOBS: u8 = 0;
const QUEUE_OF_NODES: u8 = 1;

/// A market account, read field by field: its queue can hold ten thousand bytes.
pub struct MarketView<Data> {
    data: Data,
}

impl<'a> MarketView<core::cell::Ref<'a, [u8]>> {
    /// Reads a market, or `None` if the account is no market (any more).
    ///
    /// # Errors
    /// If its data is borrowed.
    pub fn open(account: &'a AccountInfo) -> Result<Option<Self>> {
        if *account.owner != JOBS_PROGRAM {
            return Ok(None);
        }
        let data = core::cell::Ref::map(account.try_borrow_data()?, |data| &**data);
        Ok(Self::parse(data))
    }
}

impl<Data: core::ops::Deref<Target = [u8]>> MarketView<Data> {
    /// Reads the data of an account of the jobs program, or `None` if it is no market's.
    pub fn parse(data: Data) -> Option<Self> {
        (data.first_chunk::<8>() == Some(&MARKET)).then_some(Self { data })
    }

    fn byte(&self, offset: usize) -> Result<u8> {
        field::<1>(&self.data, offset, DeployError::WrongMarket).map(|[byte]| byte)
    }

    /// NOS base units per second.
    ///
    /// # Errors
    /// [`DeployError::WrongMarket`] if the account is too short, as for every field here.
    pub fn price_per_second(&self) -> Result<u64> {
        field(&self.data, 48, DeployError::WrongMarket).map(u64::from_le_bytes)
    }

    /// The token account that holds the market's deposits.
    ///
    /// # Errors
    /// As [`Self::price_per_second`].
    pub fn token_vault(&self) -> Result<Pubkey> {
        field(&self.data, 65, DeployError::WrongMarket).map(Pubkey::new_from_array)
    }

    fn queue_len(&self) -> Result<u32> {
        field(&self.data, 147, DeployError::WrongMarket).map(u32::from_le_bytes)
    }

    /// The market as a listing sees it.
    ///
    /// # Errors
    /// As [`Self::price_per_second`].
    pub fn state(&self) -> Result<MarketState> {
        if self.byte(64)? == JOB_TYPE_UNKNOWN {
            // Such a market takes a deposit and queues nothing.
            return Ok(MarketState::Unusable);
        }
        let (kind, len) = (self.byte(146)?, self.queue_len()?);
        let (nodes_waiting, jobs_waiting) = match kind {
            QUEUE_OF_NODES => (len, 0),
            QUEUE_OF_JOBS => (0, len),
            _ => (0, 0),
        };
        Ok(MarketState::Open {
            price_per_second: self.price_per_second()?,
            nodes_waiting,
            queue_room: QUEUE_CAPACITY.saturating_sub(jobs_waiting),
        })
    }

    /// Whether `job` waits in the queue.
    ///
    /// # Errors
    /// As [`Self::price_per_second`].
    pub fn has_queued(&self, job: &Pubkey) -> Result<bool> {
        if self.byte(146)? != QUEUE_OF_JOBS {
            return Ok(false);
        }
        let len = usize::try_from(self.queue_len()?).map_err(|_| DeployError::WrongMarket)?;
        let queue = self.data.get(151..).ok_or(DeployError::WrongMarket)?;
        Ok(queue
            .chunks_exact(32)
            .take(len)
            .any(|key| key == job.as_ref()))
    }
}

/// Refuses an account that is no market.
///
/// # Errors
/// [`DeployError::WrongMarket`].
pub fn require_market(account: &AccountInfo) -> Result<()> {
    require!(
        MarketView::open(account)?.is_some(),
        DeployError::WrongMarket
    );
    Ok(())
}

/// Whether `job` waits in the queue of `market`, which may be gone.
///
/// # Errors
/// [`DeployError::WrongMarket`] for a damaged market.
pub fn is_queued(market: &AccountInfo, job: &Pubkey) -> Result<bool> {
    match MarketView::open(market)? {
        Some(market) => market.has_queued(job),
        None => Ok(false),
    }
}
