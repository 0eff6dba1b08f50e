//! Values that are costly to get, kept while there is room, and got once however many ask at once.
//! Does not know what they are.

use std::{
    collections::{BTreeMap, HashMap},
    future::Future,
    hash::Hash,
    sync::Arc,
};

use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use parking_lot::Mutex;

use super::error::ContentError;

/// The least recently used values go when the rest weighs too much.
#[derive(Debug)]
pub(super) struct Lru<K, V> {
    held: HashMap<K, (V, usize, u64)>,
    /// By time of last use.
    order: BTreeMap<u64, K>,
    clock: u64,
    weight: usize,
    most: usize,
}

impl<K: Hash + Eq + Copy, V: Clone> Lru<K, V> {
    /// Holds values that weigh `most` together.
    pub(super) fn new(most: usize) -> Self {
        Self {
            held: HashMap::new(),
            order: BTreeMap::new(),
            clock: 0,
            weight: 0,
            most,
        }
    }

    /// The value, which is now the last that will go.
    pub(super) fn get(&mut self, key: &K) -> Option<V> {
        self.clock += 1;
        let (value, _, used) = self.held.get_mut(key)?;
        self.order.remove(used);
        *used = self.clock;
        self.order.insert(self.clock, *key);
        Some(value.clone())
    }

    /// Keeps a value. One that weighs more than everything together may is not kept.
    pub(super) fn put(&mut self, key: K, value: V, weight: usize) {
        self.forget(&key);
        if weight > self.most {
            return;
        }
        self.clock += 1;
        self.held.insert(key, (value, weight, self.clock));
        self.order.insert(self.clock, key);
        self.weight += weight;
        while self.weight > self.most
            && let Some((_, oldest)) = self.order.pop_first()
        {
            if let Some((_, weight, _)) = self.held.remove(&oldest) {
                self.weight -= weight;
            }
        }
    }

    /// Drops a value.
    pub(super) fn forget(&mut self, key: &K) {
        if let Some((_, weight, used)) = self.held.remove(key) {
            self.order.remove(&used);
            self.weight -= weight;
        }
    }
}

type Loading<V> = Shared<BoxFuture<'static, Result<V, ContentError>>>;

/// An [`Lru`] whose missing values are loaded, each by one task however many wait for it.
#[derive(Debug)]
pub(super) struct Loads<K, V> {
    state: Arc<Mutex<State<K, V>>>,
}

#[derive(Debug)]
struct State<K, V> {
    kept: Lru<K, V>,
    loading: HashMap<K, Loading<V>>,
}

impl<K, V> Loads<K, V>
where
    K: Hash + Eq + Copy + Send + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Keeps values that weigh `most` together.
    pub(super) fn new(most: usize) -> Self {
        Self {
            state: Arc::new(Mutex::new(State {
                kept: Lru::new(most),
                loading: HashMap::new(),
            })),
        }
    }

    /// The value, out of the cache or by `load`, which also says what it weighs. The load goes on
    /// when the caller is dropped: the value will be wanted soon.
    pub(super) async fn get<F>(&self, key: K, load: impl FnOnce() -> F) -> Result<V, ContentError>
    where
        F: Future<Output = Result<(V, usize), ContentError>> + Send + 'static,
    {
        let loading = {
            let mut state = self.state.lock();
            if let Some(value) = state.kept.get(&key) {
                return Ok(value);
            }
            match state.loading.get(&key) {
                Some(loading) => loading.clone(),
                None => {
                    let loading = self.start(key, load());
                    state.loading.insert(key, loading.clone());
                    loading
                }
            }
        };
        loading.await
    }

    /// Begins to load the value, unless it is here or on its way.
    pub(super) fn prepare<F>(&self, key: K, load: impl FnOnce() -> F)
    where
        F: Future<Output = Result<(V, usize), ContentError>> + Send + 'static,
    {
        let mut state = self.state.lock();
        if !state.kept.held.contains_key(&key) && !state.loading.contains_key(&key) {
            let loading = self.start(key, load());
            state.loading.insert(key, loading);
        }
    }

    fn start<F>(&self, key: K, load: F) -> Loading<V>
    where
        F: Future<Output = Result<(V, usize), ContentError>> + Send + 'static,
    {
        let state = Arc::clone(&self.state);
        // The task cannot end before it is entered in `loading`: the caller holds the lock.
        let task = tokio::spawn(async move {
            let ended = Ending { state, key };
            let loaded = load.await;
            let mut state = ended.state.lock();
            loaded.map(|(value, weight)| {
                state.kept.put(key, value.clone(), weight);
                value
            })
        });
        async move { task.await? }.boxed().shared()
    }
}

/// Strikes a load off the list when its task ends, however it ends.
struct Ending<K: Hash + Eq + Copy, V> {
    state: Arc<Mutex<State<K, V>>>,
    key: K,
}

impl<K: Hash + Eq + Copy, V> Drop for Ending<K, V> {
    fn drop(&mut self) {
        self.state.lock().loading.remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn the_least_recently_used_goes_first() {
        let mut lru = Lru::new(10);
        lru.put(1, 'a', 4);
        lru.put(2, 'b', 4);
        assert_eq!(lru.get(&1), Some('a'));
        lru.put(3, 'c', 4);
        assert_eq!(
            (lru.get(&1), lru.get(&2), lru.get(&3)),
            (Some('a'), None, Some('c'))
        );
        lru.put(3, 'd', 9);
        assert_eq!((lru.get(&1), lru.get(&3)), (None, Some('d')));
        lru.put(4, 'e', 11);
        assert_eq!((lru.get(&3), lru.get(&4)), (Some('d'), None));
        assert_eq!((lru.weight, lru.held.len(), lru.order.len()), (9, 1, 1));
    }

    #[tokio::test]
    async fn what_many_want_is_loaded_once() -> Result<(), ContentError> {
        let loads = Loads::<u8, usize>::new(100);
        let count = Arc::new(AtomicUsize::new(0));
        let load = || {
            let count = Arc::clone(&count);
            || async move {
                tokio::task::yield_now().await;
                Ok((count.fetch_add(1, Ordering::SeqCst), 1))
            }
        };
        let all = futures_util::future::try_join_all((0..20).map(|_| loads.get(7, load()))).await?;
        assert_eq!(all, vec![0; 20]);
        assert_eq!(loads.state.lock().kept.get(&7), Some(0));
        Ok(())
    }

    #[tokio::test]
    async fn a_failed_load_is_told_to_all_who_wait_and_tried_again_by_the_next() {
        let loads = Loads::<u8, u8>::new(100);
        let fail = || async { Err(ContentError::Unavailable { missing: 1 }) };
        let (a, b) = tokio::join!(loads.get(1, fail), loads.get(1, fail));
        assert!(a.is_err() && b.is_err());
        assert!(loads.state.lock().loading.is_empty());
        assert!(matches!(loads.get(1, || async { Ok((5, 1)) }).await, Ok(5)));
    }

    #[tokio::test]
    async fn a_load_that_panics_is_an_error_and_not_a_hang() {
        let loads = Loads::<u8, u8>::new(100);
        let broken = || async {
            if loads_nothing() {
                return Ok((0, 0));
            }
            std::panic::resume_unwind(Box::new("test"))
        };
        assert!(matches!(
            loads.get(1, broken).await,
            Err(ContentError::Stopped)
        ));
        assert!(loads.state.lock().loading.is_empty());
    }

    fn loads_nothing() -> bool {
        std::hint::black_box(false)
    }
}
