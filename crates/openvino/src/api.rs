//! OpenVINO's C interface, as far as it is used: `openvino/c/*.h` of version 2025 and later.

#![allow(
    unsafe_code,
    reason = "functions of a shared library; what is called here and why it may be stands beside each call"
)]

use std::ffi::{CStr, CString, c_char, c_void};
use std::path::Path;
use std::ptr;

use libloading::Library;

/// A status; 0 is success.
type Status = i32;

/// Objects of the library, by their addresses.
pub(crate) type Handle = *mut c_void;

#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) rank: i64,
    pub(crate) dims: *mut i64,
}

#[repr(C)]
struct Version {
    build_number: *const c_char,
    description: *const c_char,
}

#[repr(C)]
struct Devices {
    names: *mut *mut c_char,
    len: usize,
}

/// `ov_element_type_e`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Element {
    Boolean = 1,
    Bf16 = 2,
    F16 = 3,
    F32 = 4,
    F64 = 5,
    I8 = 7,
    I32 = 9,
    I64 = 10,
    U8 = 16,
}

impl Element {
    pub(crate) const ALL: [Self; 9] = [
        Self::Boolean,
        Self::Bf16,
        Self::F16,
        Self::F32,
        Self::F64,
        Self::I8,
        Self::I32,
        Self::I64,
        Self::U8,
    ];

    pub(crate) fn size_bytes(self) -> usize {
        match self {
            Self::Boolean | Self::I8 | Self::U8 => 1,
            Self::Bf16 | Self::F16 => 2,
            Self::F32 | Self::I32 => 4,
            Self::F64 | Self::I64 => 8,
        }
    }
}

macro_rules! functions {
    ($($name:ident: $symbol:literal as $kind:ty,)*) => {
        /// The functions of a loaded library.
        pub(crate) struct Api {
            $($name: $kind,)*
            /// The functions live as long as it
            _library: Library,
        }

        impl Api {
            /// Loads the library and finds its functions.
            ///
            /// The library's initialisers run: it must be OpenVINO's.
            pub(crate) fn load(path: &Path) -> Result<Self, libloading::Error> {
                // SAFETY: the user names the library or has installed it, and trusts its initialisers. The types are those
                // of the headers of the same names.
                unsafe {
                    let library = Library::new(path)?;
                    Ok(Self {
                        $($name: *library.get::<$kind>($symbol)?,)*
                        _library: library,
                    })
                }
            }
        }
    };
}

functions! {
    last_error: b"ov_get_last_err_msg" as unsafe extern "C" fn() -> *const c_char,
    error_info: b"ov_get_error_info" as unsafe extern "C" fn(Status) -> *const c_char,
    version: b"ov_get_openvino_version" as unsafe extern "C" fn(*mut Version) -> Status,
    version_free: b"ov_version_free" as unsafe extern "C" fn(*mut Version),
    core_create: b"ov_core_create" as unsafe extern "C" fn(*mut Handle) -> Status,
    core_free: b"ov_core_free" as unsafe extern "C" fn(Handle),
    devices: b"ov_core_get_available_devices" as unsafe extern "C" fn(Handle, *mut Devices) -> Status,
    devices_free: b"ov_available_devices_free" as unsafe extern "C" fn(*mut Devices),
    read_model: b"ov_core_read_model_from_memory_buffer"
        as unsafe extern "C" fn(Handle, *const c_char, usize, Handle, *mut Handle) -> Status,
    model_free: b"ov_model_free" as unsafe extern "C" fn(Handle),
    compile: b"ov_core_compile_model"
        as unsafe extern "C" fn(Handle, Handle, *const c_char, usize, *mut Handle, ...) -> Status,
    compiled_free: b"ov_compiled_model_free" as unsafe extern "C" fn(Handle),
    request_create: b"ov_compiled_model_create_infer_request" as unsafe extern "C" fn(Handle, *mut Handle) -> Status,
    request_free: b"ov_infer_request_free" as unsafe extern "C" fn(Handle),
    set_tensor: b"ov_infer_request_set_tensor" as unsafe extern "C" fn(Handle, *const c_char, Handle) -> Status,
    get_tensor: b"ov_infer_request_get_tensor" as unsafe extern "C" fn(Handle, *const c_char, *mut Handle) -> Status,
    infer: b"ov_infer_request_infer" as unsafe extern "C" fn(Handle) -> Status,
    tensor_create: b"ov_tensor_create" as unsafe extern "C" fn(u32, Shape, *mut Handle) -> Status,
    tensor_around: b"ov_tensor_create_from_host_ptr" as unsafe extern "C" fn(u32, Shape, *mut c_void, *mut Handle) -> Status,
    tensor_free: b"ov_tensor_free" as unsafe extern "C" fn(Handle),
    tensor_shape: b"ov_tensor_get_shape" as unsafe extern "C" fn(Handle, *mut Shape) -> Status,
    shape_free: b"ov_shape_free" as unsafe extern "C" fn(*mut Shape) -> Status,
    tensor_element: b"ov_tensor_get_element_type" as unsafe extern "C" fn(Handle, *mut u32) -> Status,
    tensor_size: b"ov_tensor_get_byte_size" as unsafe extern "C" fn(Handle, *mut usize) -> Status,
    tensor_data: b"ov_tensor_data" as unsafe extern "C" fn(Handle, *mut *mut c_void) -> Status,
}

/// An object of the library, freed at its end.
pub(crate) struct Owned<'a> {
    handle: Handle,
    free: unsafe extern "C" fn(Handle),
    /// The functions must still be there
    _api: &'a Api,
}

impl Drop for Owned<'_> {
    fn drop(&mut self) {
        // SAFETY: the library made it, and nothing else frees it.
        unsafe { (self.free)(self.handle) }
    }
}

impl Owned<'_> {
    pub(crate) fn handle(&self) -> Handle {
        self.handle
    }

    /// The handle, which the caller frees.
    pub(crate) fn into_handle(self) -> Handle {
        let handle = self.handle;
        std::mem::forget(self);
        handle
    }
}

/// What the library says of a failure: its first line that says anything.
pub(crate) type Said = String;

impl Api {
    fn check(&self, status: Status) -> Result<(), Said> {
        if status == 0 {
            return Ok(());
        }
        // SAFETY: both return texts of the library, null or ended by a zero, that live until this thread's next call.
        let text = |text: *const c_char| match text.is_null() {
            true => String::new(),
            false => unsafe { CStr::from_ptr(text) }
                .to_string_lossy()
                .into_owned(),
        };
        let last = text(unsafe { (self.last_error)() });
        Err(summary(&last).unwrap_or_else(|| text(unsafe { (self.error_info)(status) })))
    }

    fn owned(
        &self,
        free: unsafe extern "C" fn(Handle),
        make: impl FnOnce(*mut Handle) -> Status,
    ) -> Result<Owned<'_>, Said> {
        let mut handle = ptr::null_mut();
        self.check(make(&mut handle))?;
        Ok(Owned {
            handle,
            free,
            _api: self,
        })
    }

    /// The version, such as `2026.4.1-22982-…`.
    pub(crate) fn version(&self) -> Result<String, Said> {
        let mut version = Version {
            build_number: ptr::null(),
            description: ptr::null(),
        };
        // SAFETY: the library fills the struct with texts of its own, which are copied before they are freed.
        unsafe {
            self.check((self.version)(&mut version))?;
            let text = CStr::from_ptr(version.build_number)
                .to_string_lossy()
                .into_owned();
            (self.version_free)(&mut version);
            Ok(text)
        }
    }

    pub(crate) fn core(&self) -> Result<Owned<'_>, Said> {
        // SAFETY: writes a handle.
        self.owned(self.core_free, |out| unsafe { (self.core_create)(out) })
    }

    /// Frees what [`Api::core`] made.
    ///
    /// # Safety
    /// Nothing uses it any more.
    pub(crate) unsafe fn free_core(&self, core: Handle) {
        unsafe { (self.core_free)(core) }
    }

    /// The names of the devices, such as `CPU`.
    pub(crate) fn devices(&self, core: Handle) -> Result<Vec<String>, Said> {
        let mut devices = Devices {
            names: ptr::null_mut(),
            len: 0,
        };
        // SAFETY: the library fills in a list of texts, which are copied before they are freed.
        unsafe {
            self.check((self.devices)(core, &mut devices))?;
            let names = (0..devices.len)
                .map(|at| {
                    CStr::from_ptr(*devices.names.add(at))
                        .to_string_lossy()
                        .into_owned()
                })
                .collect();
            (self.devices_free)(&mut devices);
            Ok(names)
        }
    }

    /// A graph for a device; `properties` are names and values.
    pub(crate) fn compile(
        &self,
        core: Handle,
        file: &[u8],
        device: &CStr,
        properties: [(&CStr, &CStr); 4],
    ) -> Result<Owned<'_>, Said> {
        // SAFETY: the bytes are copied by the library.
        let model = self.owned(self.model_free, |out| unsafe {
            (self.read_model)(core, file.as_ptr().cast(), file.len(), ptr::null_mut(), out)
        })?;
        let [a, b, c, d] = properties.map(|(name, value)| (name.as_ptr(), value.as_ptr()));
        // SAFETY: as many texts as it is told, which it copies.
        self.owned(self.compiled_free, |out| unsafe {
            (self.compile)(
                core,
                model.handle(),
                device.as_ptr(),
                8,
                out,
                a.0,
                a.1,
                b.0,
                b.1,
                c.0,
                c.1,
                d.0,
                d.1,
            )
        })
    }

    /// Frees what [`Api::compile`] made.
    ///
    /// # Safety
    /// Nothing uses it any more.
    pub(crate) unsafe fn free_compiled(&self, compiled: Handle) {
        unsafe { (self.compiled_free)(compiled) }
    }

    pub(crate) fn request(&self, compiled: Handle) -> Result<Owned<'_>, Said> {
        // SAFETY: writes a handle.
        self.owned(self.request_free, |out| unsafe {
            (self.request_create)(compiled, out)
        })
    }

    /// Frees what [`Api::request`] made.
    ///
    /// # Safety
    /// Nothing uses it any more.
    pub(crate) unsafe fn free_request(&self, request: Handle) {
        unsafe { (self.request_free)(request) }
    }

    pub(crate) fn infer(&self, request: Handle) -> Result<(), Said> {
        // SAFETY: the tensors that were set live until the call is over.
        self.check(unsafe { (self.infer)(request) })
    }

    /// A tensor over the caller's own bytes, or over a copy where they don't lie as the elements have to. The bytes must
    /// be those of the shape and live as long as the tensor is used.
    pub(crate) fn input(
        &self,
        element: Element,
        dims: &[i64],
        data: &[u8],
    ) -> Result<Owned<'_>, Said> {
        let mut dims = dims.to_vec();
        let shape = Shape {
            rank: dims.len() as i64,
            dims: dims.as_mut_ptr(),
        };
        let aligned = data.as_ptr().addr().is_multiple_of(element.size_bytes());
        if aligned {
            // SAFETY: the library only reads inputs.
            let bytes = data.as_ptr().cast_mut().cast();
            return self.owned(self.tensor_free, |out| unsafe {
                (self.tensor_around)(element as u32, shape, bytes, out)
            });
        }
        // SAFETY: writes a handle.
        let tensor = self.owned(self.tensor_free, |out| unsafe {
            (self.tensor_create)(element as u32, shape, out)
        })?;
        let (size, place) = self.bytes_of(tensor.handle())?;
        if size == data.len() {
            // SAFETY: the library has allocated so many bytes there.
            unsafe { ptr::copy_nonoverlapping(data.as_ptr(), place.cast(), size) };
        }
        Ok(tensor)
    }

    /// The size of a new tensor of two elements.
    pub(crate) fn size_of_two(&self, element: Element) -> Result<usize, Said> {
        let mut dims = [2];
        let shape = Shape {
            rank: 1,
            dims: dims.as_mut_ptr(),
        };
        // SAFETY: writes a handle.
        let tensor = self.owned(self.tensor_free, |out| unsafe {
            (self.tensor_create)(element as u32, shape, out)
        })?;
        Ok(self.bytes_of(tensor.handle())?.0)
    }

    pub(crate) fn set_tensor(
        &self,
        request: Handle,
        name: &str,
        tensor: &Owned<'_>,
    ) -> Result<(), Said> {
        let name = c_text(name)?;
        // SAFETY: the request keeps the tensor alive by itself.
        self.check(unsafe { (self.set_tensor)(request, name.as_ptr(), tensor.handle()) })
    }

    /// Type, dimensions and a copy of the bytes of an output.
    pub(crate) fn output(
        &self,
        request: Handle,
        name: &str,
    ) -> Result<(u32, Vec<i64>, Vec<u8>), Said> {
        let name = c_text(name)?;
        // SAFETY: writes a handle.
        let tensor = self.owned(self.tensor_free, |out| unsafe {
            (self.get_tensor)(request, name.as_ptr(), out)
        })?;
        let mut element = 0;
        let mut shape = Shape {
            rank: 0,
            dims: ptr::null_mut(),
        };
        // SAFETY: the library fills the shape with memory of its own, which is copied before it is freed; a tensor on the
        // processor has `size` bytes at `place`.
        unsafe {
            self.check((self.tensor_element)(tensor.handle(), &mut element))?;
            self.check((self.tensor_shape)(tensor.handle(), &mut shape))?;
            let dims = (0..shape.rank as usize)
                .map(|at| *shape.dims.add(at))
                .collect();
            (self.shape_free)(&mut shape);
            let (size, place) = self.bytes_of(tensor.handle())?;
            let mut bytes = vec![0; size];
            if size > 0 {
                ptr::copy_nonoverlapping(place.cast(), bytes.as_mut_ptr(), size);
            }
            Ok((element, dims, bytes))
        }
    }

    fn bytes_of(&self, tensor: Handle) -> Result<(usize, *mut c_void), Said> {
        let (mut size, mut place) = (0, ptr::null_mut());
        // SAFETY: both write what they are asked for.
        unsafe {
            self.check((self.tensor_size)(tensor, &mut size))?;
            self.check((self.tensor_data)(tensor, &mut place))?;
        }
        Ok((size, place))
    }
}

/// What an exception of many lines comes down to: the operators that it names, or the first line that is about the
/// model; places in the library's own source are not.
fn summary(exception: &str) -> Option<String> {
    let lines = || {
        exception
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
    };
    let operators: Vec<&str> = lines()
        .filter_map(|line| line.strip_prefix("-- ")?.strip_suffix(" with a message:"))
        .collect();
    if !operators.is_empty() {
        return Some(format!("it can't convert `{}`", operators.join("`, `")));
    }
    let about = |line: &&str| {
        let about_itself = line.starts_with("Exception from ") || line.starts_with("Check '");
        !about_itself && !line.ends_with(':')
    };
    lines().find(about).map(str::to_owned)
}

/// A text as C has it.
pub(crate) fn c_text(text: &str) -> Result<CString, Said> {
    CString::new(text).map_err(|_| format!("the name `{text}` holds a zero byte"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions_are_summed_up() {
        let exception = "Exception from src/core.cpp:105:\nCheck 'false' failed at src/report.cpp:151:\n\
            FrontEnd API failed with OpConversionFailure:\nModel wasn't fully converted. Failed operations detailed log:\n\
            -- Conv-16 with a message:\nCheck 'rank' failed\n\n-- Sum-13 with a message:\nmore\n";
        assert_eq!(
            summary(exception).as_deref(),
            Some("it can't convert `Conv-16`, `Sum-13`")
        );
        let exception = "Exception from src/core.cpp:105:\nCheck 'x' failed at src/a.cpp:1:\n  the shapes differ\nmore\n";
        assert_eq!(summary(exception).as_deref(), Some("the shapes differ"));
        assert_eq!(summary(""), None);
    }
}
