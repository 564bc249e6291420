import com.fasterxml.jackson.databind.*;
import com.fasterxml.jackson.databind.node.*;
import io.debezium.transforms.ExtractNewRecordState;
import org.apache.kafka.connect.data.*;
import org.apache.kafka.connect.json.JsonConverter;
import org.apache.kafka.connect.source.SourceRecord;
import java.nio.file.*;
import java.util.*;

/** Puts recorded messages of Debezium through ExtractNewRecordState: RECORDING SCHEMAS(true|false) PROPERTY... */
public class Record {
    public static void main(String[] a) throws Exception {
        ObjectMapper json = new ObjectMapper();
        List<String> lines = Files.readAllLines(Paths.get(a[0]));
        int split = lines.indexOf("");
        List<JsonNode> schemas = new ArrayList<>();
        for (String line : lines.subList(0, split)) schemas.add(json.readTree(line));
        JsonConverter keys = new JsonConverter(), in = new JsonConverter(), out = new JsonConverter(), outKeys = new JsonConverter();
        keys.configure(Map.of("schemas.enable", "true"), true);
        in.configure(Map.of("schemas.enable", "true"), false);
        out.configure(Map.of("schemas.enable", a[1]), false);
        outKeys.configure(Map.of("schemas.enable", a[1]), true);
        Map<String, String> settings = new HashMap<>();
        for (int i = 2; i < a.length; i++) { String[] kv = a[i].split("=", 2); settings.put(kv[0], kv[1]); }
        ExtractNewRecordState<SourceRecord> smt = new ExtractNewRecordState<>();
        smt.configure(settings);
        for (String line : lines.subList(split + 1, lines.size())) {
            if (line.isEmpty()) continue;
            JsonNode m = json.readTree(line);
            String topic = m.get("topic").asText();
            if (topic.isEmpty()) continue;
            SchemaAndValue key = m.get("key").isNull() ? SchemaAndValue.NULL : keys.toConnectData(topic, m.get("key").asText().getBytes("UTF-8"));
            SchemaAndValue value = SchemaAndValue.NULL;
            if (!m.get("value").isNull()) {
                ObjectNode whole = json.createObjectNode();
                whole.set("schema", schemas.get(m.get("schema").asInt()));
                whole.set("payload", m.get("value"));
                value = in.toConnectData(topic, json.writeValueAsBytes(whole));
            }
            SourceRecord record = new SourceRecord(Map.of(), Map.of(), topic, null, key.schema(), key.value(), value.schema(), value.value());
            SourceRecord flat = smt.apply(record);
            if (flat == null) continue;
            byte[] k = flat.key() == null ? null : outKeys.fromConnectData(topic, flat.keySchema(), flat.key());
            byte[] v = flat.value() == null ? null : out.fromConnectData(topic, flat.valueSchema(), flat.value());
            System.out.println(topic + "\t" + (k == null ? "" : new String(k, "UTF-8")) + "\t" + (v == null ? "" : new String(v, "UTF-8")));
        }
    }
}
