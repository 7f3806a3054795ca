//! From the bytes of a request to its call: what they count for, who sent them, what they are when unpacked.

use bytes::Bytes;
use gateway_json::Envelope;
use gateway_schema::{CallError, Operation};

use crate::body::{LateBytes, LateText};
use crate::read::{BEFORE_ENTRY, Budgets, Encoding, Reader, Unpack};
use crate::surface::{Action, not_json};
use crate::task::{Next, Task, not_found};

impl Reader for Task {
    fn piece(&mut self, bytes: &[u8], length: usize) -> Result<(), CallError> {
        // Strangers take no place.
        if length > BEFORE_ENTRY && self.signed.is_none() {
            self.enter()?;
        }
        self.digest_piece(bytes);
        Ok(())
    }
}

impl Task {
    /// Where the request's bytes count while they are read.
    pub(crate) fn budgets(&self) -> Budgets {
        let directory = &self.shared.directory;
        Budgets {
            process: if self.signed.is_some() {
                directory.unverified_memory()
            } else {
                directory.memory()
            },
            connection: self.connection.clone(),
        }
    }

    /// A text of the gateway's own making that counts until it is let go: a whole answer with its last byte, or its connection.
    pub(crate) fn counted(&self, answer: Bytes) -> Bytes {
        if answer.is_empty() {
            return answer;
        }
        let memory = self.shared.directory.memory();
        memory.hold_present(answer.len() as u64).attach(answer)
    }

    /// The same for an answer that is not made yet.
    pub(crate) fn counted_later(&self, text: LateText) -> LateBytes {
        let memory = self.shared.directory.memory();
        Box::pin(async move {
            let text = Bytes::from(text.await);
            memory.hold_present(text.len() as u64).attach(text)
        })
    }

    /// Takes the request's place among those in flight, if it asks an endpoint and has none yet.
    pub(crate) fn enter(&mut self) -> Result<(), CallError> {
        if !std::mem::replace(&mut self.entered, true) && self.asks() {
            self.access.place = self.shared.directory.enter()?;
        }
        Ok(())
    }

    /// Looks at the body as it was sent.
    pub(crate) fn take_body(&mut self, body: Result<Bytes, CallError>) -> Next {
        let next = body.and_then(|body| match self.check_signature(&body)? {
            Some(answer) => Ok(Next::Respond(self.answer(answer))),
            None => self.packed(body),
        });
        self.or_error(next)
    }

    fn packed(&mut self, body: Bytes) -> Result<Next, CallError> {
        self.enter()?;
        let encoding = self.packing()?;
        if encoding == Encoding::Identity {
            return self.question(body);
        }
        if self.is_passed() {
            self.packed = Some(body.clone());
        }
        let limit = self.bounds.max_decompressed_bytes;
        let memory = self.shared.directory.memory();
        let unpack = Unpack::new(encoding, body, limit, &memory)?;
        Ok(Next::Unpack(Box::new(unpack)))
    }

    /// Looks at the body as it is when unpacked.
    pub(crate) fn take_unpacked(&mut self, body: Result<Bytes, CallError>) -> Next {
        let body = match body {
            // Of no path that is known: it is sent as it came, whatever it is.
            Err(_) if self.packed.is_some() && !self.asks_by_path() => {
                Ok(self.packed.take().unwrap_or_default())
            }
            body => body,
        };
        let next = body.and_then(|body| self.question(body));
        self.or_error(next)
    }

    fn or_error(&mut self, next: Result<Next, CallError>) -> Next {
        next.unwrap_or_else(|error| Next::Respond(self.error(&error)))
    }

    fn question(&mut self, body: Bytes) -> Result<Next, CallError> {
        match self.entry.map(|entry| &entry.route.action) {
            Some(Action::Pass(passing)) => {
                let method = self.entry.map(|entry| &entry.route.method);
                self.pass_on(*passing, method, body, None).map(Next::Call)
            }
            Some(Action::Ask(named, asked)) => self.call(*named, *asked, &body).map(Next::Call),
            Some(Action::Tell(answer)) => {
                let answer = self.tell(*answer, &body)?;
                Ok(Next::Respond(self.answer(answer)))
            }
            None => Err(not_found("")),
        }
    }

    /// The body as JSON whose keys are plain and unique. From here on there is only this text: what is read of it, what rules
    /// see and what is sent are one thing.
    pub(crate) fn read_json(
        &self,
        likely: Operation,
        body: &Bytes,
    ) -> Result<(Bytes, Envelope), CallError> {
        let (text, envelope) = match Envelope::read(body.clone()) {
            Ok(read) => read,
            Err(fault) => {
                let strict = self.surface.not_json(likely, body, &fault)?;
                Envelope::read(strict).map_err(|fault| not_json(&fault))?
            }
        };
        if text.as_ptr() == body.as_ptr() {
            return Ok((text, envelope));
        }
        Ok((self.counted(text), envelope))
    }
}
