// One node an account, merchant, device, IP address, ring, step of a ring and kept transaction; one Stream node a stream
// of the record, and one Writer node. The indexes are what queries of graph/queries begin at.
// Statements end with a semicolon. No parameters.
CREATE CONSTRAINT account_id IF NOT EXISTS FOR (n:Account) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT merchant_id IF NOT EXISTS FOR (n:Merchant) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT device_id IF NOT EXISTS FOR (n:Device) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT ip_id IF NOT EXISTS FOR (n:IP) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT ring_id IF NOT EXISTS FOR (n:Ring) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT ring_event_id IF NOT EXISTS FOR (n:RingEvent) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT transaction_id IF NOT EXISTS FOR (n:Transaction) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT stream_name IF NOT EXISTS FOR (n:Stream) REQUIRE n.name IS UNIQUE;
CREATE CONSTRAINT writer_name IF NOT EXISTS FOR (n:Writer) REQUIRE n.name IS UNIQUE;
CREATE INDEX account_first IF NOT EXISTS FOR (n:Account) ON (n.first);
CREATE INDEX paid_first IF NOT EXISTS FOR ()-[r:PAID]-() ON (r.first);
CREATE INDEX transaction_label_time IF NOT EXISTS FOR (n:Transaction) ON (n.label_time);
