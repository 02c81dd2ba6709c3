//! A receipt for many events.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use smallvec::SmallVec;

use super::{Receipt, ReceiptError};

/// What [`Publisher::publish_all`](crate::Publisher::publish_all) returns: the promise that each of
/// the events is acknowledged, as [`Receipt`] is for one.
///
/// A partition acknowledges in order, so this is the receipt of the last event in each.
#[derive(Debug, Default)]
pub struct BatchReceipt<'a> {
    receipts: SmallVec<[Receipt<'a>; 4]>,
}

impl BatchReceipt<'_> {
    /// Blocks until every event is durable; at once where there was none.
    ///
    /// # Errors
    ///
    /// As for [`Receipt::wait`]: at least one of the events will never be acknowledged.
    pub fn wait(self) -> Result<(), ReceiptError> {
        self.receipts.into_iter().try_for_each(Receipt::wait)
    }

    /// Whether every event is durable by now. Never blocks.
    ///
    /// # Errors
    ///
    /// [`ReceiptError::Poisoned`]: at least one of them never will be.
    pub fn is_durable(&self) -> Result<bool, ReceiptError> {
        for receipt in &self.receipts {
            if !receipt.is_durable()? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// A receipt that borrows nothing.
    #[must_use]
    pub fn detach(self) -> BatchReceipt<'static> {
        BatchReceipt {
            receipts: self.receipts.into_iter().map(Receipt::detach).collect(),
        }
    }
}

impl<'a> FromIterator<Receipt<'a>> for BatchReceipt<'a> {
    fn from_iter<I: IntoIterator<Item = Receipt<'a>>>(receipts: I) -> Self {
        Self {
            receipts: receipts.into_iter().collect(),
        }
    }
}

impl Future for BatchReceipt<'_> {
    type Output = Result<(), ReceiptError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        while let Some(receipt) = self.receipts.last_mut() {
            match Pin::new(receipt).poll(context) {
                Poll::Ready(Ok(())) => drop(self.receipts.pop()),
                outcome => return outcome,
            }
        }
        Poll::Ready(Ok(()))
    }
}
