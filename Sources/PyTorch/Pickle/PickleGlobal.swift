/// A function or class that a pickle names.
struct PickleGlobal {
  /// The module and the name inside of it.
  struct Name: Hashable {
    var module: String
    var name: String

    var text: String { module + "." + name }
  }

  var name: Name
  var role: GlobalRole

  var text: String { name.text }
}
