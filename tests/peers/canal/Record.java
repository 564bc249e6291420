import com.alibaba.fastjson2.JSON;
import com.alibaba.fastjson2.JSONWriter.Feature;
import com.alibaba.otter.canal.connector.core.producer.MQMessageUtils;
import com.alibaba.otter.canal.connector.core.producer.MQMessageUtils.EntryRowData;
import com.alibaba.otter.canal.instance.manager.CanalInstanceWithManager;
import com.alibaba.otter.canal.instance.manager.model.*;
import com.alibaba.otter.canal.protocol.*;
import com.alibaba.otter.canal.server.embedded.CanalServerWithEmbedded;
import java.net.InetSocketAddress;
import java.util.*;
import java.util.concurrent.*;

/** Prints the flat messages that Canal makes of a server's binlog: PORT USER PASSWORD FILE POSITION. */
public class Record {
    public static void main(String[] a) throws Exception {
        CanalServerWithEmbedded server = CanalServerWithEmbedded.instance();
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
            p.setPositions(Arrays.asList("{\"journalName\":\"" + a[3] + "\",\"position\":" + a[4] + ",\"timestamp\":0}"));
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
            canal.setCanalParameter(p);
            return new CanalInstanceWithManager(canal, "");
        });
        server.start();
        server.start("t");
        ClientIdentity id = new ClientIdentity("t", (short) 1001, ".*\\..*");
        server.subscribe(id);
        ThreadPoolExecutor pool = new ThreadPoolExecutor(1, 1, 0, TimeUnit.SECONDS, new LinkedBlockingQueue<>());
        while (true) {
            Message m = server.getWithoutAck(id, 1000, 1000L, TimeUnit.MILLISECONDS);
            if (m.getId() == -1) continue;
            EntryRowData[] rows = MQMessageUtils.buildMessageData(m, pool);
            for (FlatMessage f : MQMessageUtils.messageConverter(rows, m.getId())) {
                System.out.println("FLAT " + new String(JSON.toJSONBytes(f, Feature.WriteNulls, Feature.LargeObject), "UTF-8"));
                System.out.flush();
            }
            server.ack(id, m.getId());
        }
    }
}
