extension JSONObject {
  /// The pairs in their order; of a key that is there twice the last value counts.
  package init(_ pairs: some Sequence<(String, JSONValue)>) {
    self.init()
    for (key, value) in pairs { self[key] = value }
  }
}
