import com.alibaba.otter.canal.connector.core.producer.MQDestination;
import com.alibaba.otter.canal.connector.core.util.Callback;
import com.alibaba.otter.canal.connector.kafka.producer.CanalKafkaProducer;
import com.alibaba.otter.canal.instance.manager.CanalInstanceWithManager;
import com.alibaba.otter.canal.instance.manager.model.*;
import com.alibaba.otter.canal.protocol.*;
import com.alibaba.otter.canal.server.embedded.CanalServerWithEmbedded;
import java.net.InetSocketAddress;
import java.util.*;
import java.util.concurrent.*;

/** Sends the flat messages that Canal makes of a server's binlog to a topic: PORT USER PASSWORD FILE POSITION BOOTSTRAP TOPIC, and
 *  perhaps PARTITIONS HASH, by which it chooses partitions. GTIDS in the environment is the set to go on from. */
public class Record {
    public static void main(String[] a) throws Exception {
        CanalServerWithEmbedded server = CanalServerWithEmbedded.instance();
        String gtids = System.getenv("GTIDS");
        server.setCanalInstanceGenerator(destination -> {
            Canal canal = new Canal();
            canal.setId(1L);
            canal.setName(destination);
            CanalParameter p = new CanalParameter();
            p.setIndexMode(CanalParameter.IndexMode.MEMORY);
            p.setMetaMode(CanalParameter.MetaMode.MEMORY);
            p.setStorageMode(CanalParameter.StorageMode.MEMORY);
            p.setMemoryStorageBufferSize(32 * 1024);
            p.setMemoryStorageRawEntry(true);
            p.setSourcingType(CanalParameter.SourcingType.MYSQL);
            p.setHaMode(CanalParameter.HAMode.HEARTBEAT);
            p.setDbAddresses(Arrays.asList(new InetSocketAddress("127.0.0.1", Integer.parseInt(a[0]))));
            p.setDbUsername(a[1]);
            p.setDbPassword(a[2]);
            p.setPositions(Arrays.asList("{\"journalName\":\"" + a[3] + "\",\"position\":" + a[4] + ",\"timestamp\":0" + (gtids == null ? "" : ",\"gtid\":\"" + gtids + "\"") + "}"));
            p.setSlaveId(6543L);
            p.setDefaultConnectionTimeoutInSeconds(60);
            p.setConnectionCharset("UTF-8");
            p.setConnectionCharsetNumber((byte) 33);
            p.setReceiveBufferSize(64 * 1024);
            p.setSendBufferSize(64 * 1024);
            p.setDetectingEnable(false);
            p.setFallbackIntervalInSeconds(0);
            p.setTransactionSize(1024);
            p.setTsdbEnable(false);
            p.setParallel(false);
            p.setDdlIsolation(false);
            p.setFilterTableError(false);
            p.setGtidEnable(gtids != null);
            canal.setCanalParameter(p);
            return new CanalInstanceWithManager(canal, "");
        });
        server.start();
        server.start("t");
        ClientIdentity id = new ClientIdentity("t", (short) 1001, ".*\\..*");
        server.subscribe(id);
        Properties properties = new Properties();
        properties.setProperty("canal.mq.flatMessage", "true");
        properties.setProperty("kafka.bootstrap.servers", a[5]);
        properties.setProperty("kafka.acks", "all");
        CanalKafkaProducer producer = new CanalKafkaProducer();
        producer.init(properties);
        MQDestination to = new MQDestination();
        to.setCanalDestination("t");
        to.setTopic(a[6]);
        to.setPartition(0);
        if (a.length > 7) {
            to.setPartitionsNum(Integer.parseInt(a[7]));
            to.setPartitionHash(a[8]);
        }
        while (true) {
            Message m = server.getWithoutAck(id, 1000, 1000L, TimeUnit.MILLISECONDS);
            if (m.getId() == -1) continue;
            producer.send(to, m, new Callback() {
                public void commit() { server.ack(id, m.getId()); }
                public void rollback() { System.out.println("Kafka refuses a message"); System.exit(1); }
            });
        }
    }
}
