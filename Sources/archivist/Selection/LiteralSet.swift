/// Finds which of many byte strings occur in a text, in one pass over it.
///
/// A trie of the strings, in which each node also knows where to go on when the next byte does not
/// fit (Aho and Corasick): the time depends on the text and on what is found, not on how many
/// strings there are.
struct LiteralSet {
  private struct Node {
    var fallback: Int32 = 0
    /// The nearest node with strings that end here, among this one and its fallbacks.
    var output: Int32 = 0
    /// The text in which the strings of this node were reported last.
    var reportedIn: UInt32 = 0
  }

  private var nodes = [Node()]
  private var edges = EdgeTable()
  /// Numbers of the strings that end at a node.
  private var numbers: [Int32: [Int]] = [:]
  private var text: UInt32 = 0

  /// Takes strings, none of them empty, each with a number to report it by.
  init(_ strings: [(bytes: [UInt8], number: Int)]) {
    // The children of each node, for going through the trie level by level.
    var children: [[(byte: UInt8, node: Int32)]] = [[]]
    for (bytes, number) in strings {
      var node: Int32 = 0
      for byte in bytes {
        if let next = edges[node, byte] {
          node = next
          continue
        }
        let next = Int32(nodes.count)
        nodes.append(Node())
        children.append([])
        children[Int(node)].append((byte, next))
        edges.insert(node, byte, next)
        node = next
      }
      if node != 0 { numbers[node, default: []].append(number) }
    }
    var level: [Int32] = [0]
    while !level.isEmpty {
      var nextLevel: [Int32] = []
      for parent in level {
        for (byte, node) in children[Int(parent)] {
          let fallback = parent == 0 ? 0 : next(nodes[Int(parent)].fallback, byte)
          nodes[Int(node)].fallback = fallback
          nodes[Int(node)].output =
            numbers[node] == nil ? nodes[Int(fallback)].output : node
          nextLevel.append(node)
        }
      }
      level = nextLevel
    }
  }

  /// Whether there is no string.
  var isEmpty: Bool { nodes.count == 1 }

  /// Adds to `found` the numbers of the strings that occur in `bytes`, each once, in any order.
  mutating func find(in bytes: Span<UInt8>, _ found: inout [Int]) {
    text &+= 1
    var node: Int32 = 0
    for i in bytes.indices {
      node = next(node, bytes[i])
      var output = nodes[Int(node)].output
      // An output that was reported before, was reported with all that follows it.
      while output != 0, nodes[Int(output)].reportedIn != text {
        nodes[Int(output)].reportedIn = text
        found += numbers[output] ?? []
        output = nodes[Int(nodes[Int(output)].fallback)].output
      }
    }
  }

  private func next(_ node: Int32, _ byte: UInt8) -> Int32 {
    var node = node
    while true {
      if let next = edges[node, byte] { return next }
      if node == 0 { return 0 }
      node = nodes[Int(node)].fallback
    }
  }
}

/// Where each node of a trie leads: a hash table with open addressing.
private struct EdgeTable {
  private var keys: [UInt64] = Array(repeating: 0, count: 64)
  private var targets: [Int32] = Array(repeating: 0, count: 64)
  private var count = 0

  subscript(node: Int32, byte: UInt8) -> Int32? {
    let key = Self.key(node, byte)
    var slot = slot(key)
    while keys[slot] != 0 {
      if keys[slot] == key { return targets[slot] }
      slot = (slot + 1) & (keys.count - 1)
    }
    return nil
  }

  /// Adds an edge that is not there yet.
  mutating func insert(_ node: Int32, _ byte: UInt8, _ target: Int32) {
    if 2 * count >= keys.count { grow() }
    place(Self.key(node, byte), target)
    count += 1
  }

  private mutating func place(_ key: UInt64, _ target: Int32) {
    var slot = slot(key)
    while keys[slot] != 0 { slot = (slot + 1) & (keys.count - 1) }
    keys[slot] = key
    targets[slot] = target
  }

  private mutating func grow() {
    let old = zip(keys, targets).filter { $0.0 != 0 }
    keys = Array(repeating: 0, count: 2 * keys.count)
    targets = Array(repeating: 0, count: keys.count)
    for (key, target) in old { place(key, target) }
  }

  /// Never zero, which marks a free slot.
  private static func key(_ node: Int32, _ byte: UInt8) -> UInt64 {
    (UInt64(UInt32(bitPattern: node)) << 8 | UInt64(byte)) + 1
  }

  /// Multiplied by an odd number near 2⁶⁴/φ, the upper bits depend on all of the key.
  private func slot(_ key: UInt64) -> Int {
    let bits = UInt64(keys.count.trailingZeroBitCount)
    return Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) >> (64 - bits))
  }
}
