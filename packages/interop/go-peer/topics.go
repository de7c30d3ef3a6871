package peer

import (
	"bytes"

	"github.com/hashicorp/go-msgpack/v2/codec"
)

// topicsChannel is the channel of @memberlist/topics, unless its option `channel` names another.
const topicsChannel = "topics"

// publishType begins a packet with one published message. This peer publishes, receives and relays messages. It ignores all other packets:
// the members with @memberlist/topics do the repairs.
const publishType = 0

// topicMessage is a published message. The tag of _struct makes codec encode both structs as lists of their fields.
type topicMessage struct {
	_struct  bool `codec:",toarray"`
	Origin   uint64
	Sender   string
	Sequence uint64
	Floor    uint64
	Age      uint64
	Version  uint64
	Topic    string
	Payload  []byte
}

type publishPacket struct {
	_struct bool `codec:",toarray"`
	Type    int
	Message topicMessage
}

// topicHandle distinguishes strings from bytes, as @memberlist/topics does.
func topicHandle() *codec.MsgpackHandle {
	handle := &codec.MsgpackHandle{WriteExt: true}
	handle.RawToString = true
	return handle
}

// publish broadcasts a message of a topic.
func publish(p *peer, line []byte) (any, error) {
	var args struct {
		Topic   string `json:"topic"`
		Payload []byte `json:"payload"`
	}
	list, err := p.begin(line, &args)
	if err != nil {
		return nil, err
	}
	sender := list.LocalNode().Name
	p.mu.Lock()
	p.published++
	message := topicMessage{
		Origin:   p.channelOrigin(),
		Sender:   sender,
		Sequence: p.published,
		Floor:    1,
		Topic:    args.Topic,
		Payload:  args.Payload,
	}
	p.mu.Unlock()
	var packet bytes.Buffer
	if err := codec.NewEncoder(&packet, topicHandle()).Encode(publishPacket{Type: publishType, Message: message}); err != nil {
		return nil, err
	}
	p.queue.QueueBroadcast(userBroadcast(p.channelBroadcast(topicsChannel, sender, packet.Bytes())))
	return nil, nil
}

// topicEvent reports a published message. It returns false for other packets.
func (p *peer) topicEvent(payload []byte) bool {
	var packet publishPacket
	if err := codec.NewDecoderBytes(payload, topicHandle()).Decode(&packet); err != nil || packet.Type != publishType {
		return false
	}
	fields := payloadFields(packet.Message.Payload)
	fields["topic"], fields["sender"] = packet.Message.Topic, packet.Message.Sender
	p.out.Event("topicMessage", fields)
	return true
}
