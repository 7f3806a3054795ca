//! Models that embed one text per request, asked for several.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use async_trait::async_trait;
use gateway_provider::{Call, Journal, Payload, Provider, ProviderInfo, Reply, ReplyBody, Whole};
use gateway_schema::embedding::{EmbeddingInput, EmbeddingRequest, EmbeddingResponse};
use gateway_schema::{CallError, ErrorKind, Operation, Request, Response, Usage};

/// How many requests of one call are under way at once.
const AT_ONCE: usize = 8;

/// Asks `inner` once per text. The call has one attempt in its journal all the same: that of the first text, or of the
/// one that failed.
pub(crate) struct OneByOne {
    inner: Arc<dyn Provider>,
}

impl OneByOne {
    pub(crate) fn new(inner: Arc<dyn Provider>) -> Self {
        Self { inner }
    }

    async fn each(
        &self,
        call: &Call,
        request: &EmbeddingRequest,
        texts: &[String],
    ) -> Result<Reply, CallError> {
        let ask = |text: &String| {
            let mut one = request.clone();
            one.input = EmbeddingInput::Text(text.clone());
            let mut call = call.again();
            call.payload = Payload::from_request(Request::Embedding(Box::new(one)));
            call.context.journal = Journal::new();
            let journal = call.context.journal.clone();
            let reply = Arc::clone(&self.inner).call(call);
            async move { (reply.await, journal) }
        };
        // The first one alone: what is wrong with all of them is then told once.
        let mut all = Vec::with_capacity(texts.len());
        let mut chunks = vec![texts.get(..1).unwrap_or_default()];
        chunks.extend(texts.get(1..).unwrap_or_default().chunks(AT_ONCE));
        for chunk in chunks {
            for (reply, journal) in together(chunk.iter().map(ask).collect()).await {
                let failed = reply.is_err();
                if all.is_empty() || failed {
                    let notes = std::mem::take(&mut *journal.notes());
                    let mut ours = call.context.journal.notes();
                    if failed && !all.is_empty() {
                        ours.attempts.pop();
                    }
                    ours.attempts.extend(notes.attempts);
                    ours.losses = notes.losses;
                }
                all.push(reply?);
            }
        }
        join(all)
    }
}

/// The answers as one, numbered anew, their figures added.
fn join(replies: Vec<Reply>) -> Result<Reply, CallError> {
    let mut joined = EmbeddingResponse::default();
    let mut first: Option<Reply> = None;
    for (index, mut reply) in (0..).zip(replies) {
        let body = std::mem::replace(
            &mut reply.body,
            ReplyBody::Whole(Whole::Canonical(Response::CountTokens { input_tokens: 0 })),
        );
        let ReplyBody::Whole(Whole::Canonical(Response::Embedding(one))) = body else {
            return Err(CallError::gateway(
                ErrorKind::Internal,
                "An embedding came in another form than it was asked for.",
            ));
        };
        for mut embedding in one.embeddings {
            embedding.index = index;
            joined.embeddings.push(embedding);
        }
        if let Some(usage) = one.usage {
            add(joined.usage.get_or_insert_default(), &usage);
        }
        joined.model = joined.model.or(one.model);
        first.get_or_insert(reply);
    }
    let mut reply = first.ok_or_else(|| {
        CallError::client(
            ErrorKind::InvalidRequest,
            "input: at least one text is needed.",
        )
    })?;
    reply.body = ReplyBody::Whole(Whole::Canonical(Response::Embedding(Box::new(joined))));
    Ok(reply)
}

fn add(sum: &mut Usage, usage: &Usage) {
    let plus = |sum: &mut Option<u64>, more: Option<u64>| {
        if let Some(more) = more {
            *sum = Some(sum.unwrap_or(0).saturating_add(more));
        }
    };
    plus(&mut sum.input_tokens, usage.input_tokens);
    plus(&mut sum.total_tokens, usage.total_tokens);
}

/// Waits for all of them at once; the results in the order of the futures.
async fn together<T>(futures: Vec<impl Future<Output = T>>) -> Vec<T> {
    let mut waiting: Vec<(Pin<Box<_>>, Option<T>)> = futures
        .into_iter()
        .map(|future| (Box::pin(future), None))
        .collect();
    std::future::poll_fn(|cx| {
        let mut pending = false;
        for (future, result) in &mut waiting {
            if result.is_none() {
                match future.as_mut().poll(cx) {
                    Poll::Ready(value) => *result = Some(value),
                    Poll::Pending => pending = true,
                }
            }
        }
        if pending {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    })
    .await;
    waiting
        .into_iter()
        .filter_map(|(_, result)| result)
        .collect()
}

#[async_trait]
impl Provider for OneByOne {
    fn info(&self) -> &ProviderInfo {
        self.inner.info()
    }

    async fn call(self: Arc<Self>, call: Call) -> Result<Reply, CallError> {
        if call.operation == Operation::Embedding {
            let decoded = call.canonical()?;
            if let Request::Embedding(request) = &decoded.value
                && let EmbeddingInput::Texts(texts) = &request.input
            {
                return self.each(&call, request, texts).await;
            }
        }
        Arc::clone(&self.inner).call(call).await
    }
}
