// Command cmd is the Go peer over UDP and TCP.
package main

import peer "memberlist-interop/go-peer"

func main() { peer.Run(peer.OpenNet) }
