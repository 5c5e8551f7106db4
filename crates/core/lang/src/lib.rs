//! The small languages inside manifests: durations, quantities, selectors, JSONPath.
