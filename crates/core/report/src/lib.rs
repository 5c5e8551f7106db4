//! States to text: values in, text out.
