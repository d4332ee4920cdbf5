//! stub while building

