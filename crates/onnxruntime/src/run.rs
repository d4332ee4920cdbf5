//! Running a session: the one call into ONNX Runtime that several threads may make at once.

use std::ffi::{CString, c_char};
use std::ptr::{self, NonNull};

use ort::AsPointer;
use ort::session::{Session, SessionInputValue};
use ort::sys::OrtValue;
use ort::value::DynValue;
use rulestage_inference::Signature;

/// A session of the processor alone, with one thread: callers on any threads run it at the same time, and share its
/// weights.
///
/// `ort` has no safe way to that. Its `run` takes `&mut self` for all sessions, since execution providers other than the
/// processor's, and their allocators, have crashed under concurrent runs. Here:
///
/// - `OrtApi::Run` itself may be called concurrently on one session, which is what ONNX Runtime promises of it
///   (`docs/InferenceHighLevelDesign.md` and `onnxruntime_c_api.h` in its sources); a run keeps its state in a frame of its
///   own.
/// - The only execution provider is the processor's, which keeps that promise: [`Concurrent::new`] is given sessions
///   without another one, and with one thread each run computes on its caller's thread.
/// - Results come from that provider's allocator, an arena with a lock of its own, and go back to it on whichever thread
///   drops them.
/// - Nothing changes the session: options, profiling and the like need `&mut Session`, which nobody has any more.
///
/// A test runs one session on many threads with inputs of many sizes and compares all bits with those of one thread.
pub(crate) struct Concurrent(Session);

impl Concurrent {
    /// `session` has one thread and no execution provider but the processor's.
    pub(crate) fn new(session: Session) -> Self {
        Self(session)
    }

    pub(crate) fn run(
        &self,
        signature: &Signature,
        values: &[SessionInputValue<'_>],
    ) -> ort::Result<Vec<DynValue>> {
        #[expect(unsafe_code, reason = "argued for above")]
        // SAFETY: it may run concurrently.
        unsafe {
            run(&self.0, signature, values)
        }
    }
}

/// A session of one caller at a time.
pub(crate) struct Exclusive(Session);

impl Exclusive {
    pub(crate) fn new(session: Session) -> Self {
        Self(session)
    }

    pub(crate) fn run(
        &mut self,
        signature: &Signature,
        values: &[SessionInputValue<'_>],
    ) -> ort::Result<Vec<DynValue>> {
        #[expect(unsafe_code, reason = "as `ort`'s own")]
        // SAFETY: `&mut self` keeps others out.
        unsafe {
            run(&self.0, signature, values)
        }
    }
}

/// All outputs of the signature, in its order.
///
/// # Safety
///
/// No other thread runs the session, or it may run on several at once.
#[expect(unsafe_code, reason = "the caller says who else runs the session")]
unsafe fn run(
    session: &Session,
    signature: &Signature,
    values: &[SessionInputValue<'_>],
) -> ort::Result<Vec<DynValue>> {
    let c_texts = |names: &mut dyn Iterator<Item = &String>| -> ort::Result<Vec<CString>> {
        let texts = names.map(|name| CString::new(name.as_str()));
        let texts: Result<_, _> = texts.collect();
        texts.map_err(|_| ort::Error::new("a name holds a zero byte"))
    };
    let inputs = c_texts(&mut signature.inputs.iter().map(|info| &info.name))?;
    let outputs = c_texts(&mut signature.outputs.iter().map(|info| &info.name))?;
    let pointers = |texts: &[CString]| -> Vec<*const c_char> {
        texts.iter().map(|text| text.as_ptr()).collect()
    };
    let (input_names, output_names) = (pointers(&inputs), pointers(&outputs));
    let given: Vec<*const OrtValue> = values.iter().map(|value| value.ptr()).collect();
    let mut results: Vec<*mut OrtValue> = vec![ptr::null_mut(); outputs.len()];
    // SAFETY: names and values are as many as it is told and live until it returns; it fills in the results, which are then
    // owned here.
    unsafe {
        let status = (ort::api().Run)(
            session.ptr().cast_mut(),
            ptr::null(),
            input_names.as_ptr(),
            given.as_ptr(),
            given.len(),
            output_names.as_ptr(),
            output_names.len(),
            results.as_mut_ptr(),
        );
        ort::Error::result_from_status(status)?;
        let owned = |result: *mut OrtValue| {
            let result = NonNull::new(result);
            let value = result.map(|result| DynValue::from_ptr(result, Some(session.allocator())));
            value.ok_or_else(|| ort::Error::new("it gave no value for an output"))
        };
        results.into_iter().map(owned).collect()
    }
}
