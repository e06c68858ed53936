/// Recipes that are created or changed by command-line options.
extension MergeRecipe {
  /// Creates a recipe of models and a method, without parameters.
  package init(method: String, base: String?, models: [String]) {
    self.init(
      method: method, base: base,
      parts: .models(
        models.map { Source(model: $0, layers: nil, parameters: MergeParameters(), line: 0) }),
      modules: [], parameters: MergeParameters(), dtype: nil, outDType: nil)
  }

  /// Sets a parameter of the whole recipe, and removes it from all narrower scopes.
  package mutating func override(_ name: String, with value: MergeParameters.Value) {
    changeScopes { $0.remove(name) }
    parameters.set(name, to: value)
  }

  /// The share of each difference that adamerging keeps, 1 for all; 1 for other methods.
  package var ties: Double {
    guard method == AdaMerging.name else { return 1 }
    return parameters.choices["ties"]?.first?.value.asNumber ?? 1
  }

  /// Sets a parameter of each source for whose model `isMatch` returns true.
  ///
  /// - Returns: True if there is such a source.
  package mutating func override(
    _ name: String, with value: MergeParameters.Value, where isMatch: (String) -> Bool
  ) -> Bool {
    var isFound = false
    changeSources { source in
      guard isMatch(source.model) else { return }
      isFound = true
      source.parameters.set(name, to: value)
    }
    return isFound
  }

  private mutating func changeSources(_ change: (inout Source) -> Void) {
    func changed(_ parts: Parts) -> Parts {
      switch parts {
      case .models(var sources):
        for index in sources.indices { change(&sources[index]) }
        return .models(sources)
      case .slices(var slices):
        for slice in slices.indices {
          for index in slices[slice].sources.indices { change(&slices[slice].sources[index]) }
        }
        return .slices(slices)
      }
    }
    parts = parts.map(changed)
    for index in modules.indices { modules[index].parts = changed(modules[index].parts) }
  }

  /// Changes the parameters of every scope except the whole recipe.
  private mutating func changeScopes(_ change: (inout MergeParameters) -> Void) {
    changeSources { change(&$0.parameters) }
    for index in modules.indices { change(&modules[index].parameters) }
    func changed(_ parts: Parts) -> Parts {
      guard case .slices(var slices) = parts else { return parts }
      for index in slices.indices { change(&slices[index].parameters) }
      return .slices(slices)
    }
    parts = parts.map(changed)
    for index in modules.indices { modules[index].parts = changed(modules[index].parts) }
  }
}

extension MergeParameters {
  fileprivate mutating func set(_ name: String, to value: Value) {
    choices[name] = [Choice(filter: nil, value: value, line: 0)]
  }

  fileprivate mutating func remove(_ name: String) { choices[name] = nil }
}
