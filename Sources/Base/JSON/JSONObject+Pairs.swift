extension JSONObject {
  /// Creates an object from pairs in their order. If a key occurs twice, the last value replaces the first.
  package init(_ pairs: some Sequence<(String, JSONValue)>) {
    self.init()
    for (key, value) in pairs { self[key] = value }
  }
}
